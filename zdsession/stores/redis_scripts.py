"""The Lua that runs inside Redis. Each script touches one key, so it also runs in a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True)
class Script:
    """A script and the digest Redis knows it by."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


#: ARGV: time to live in ms, secret, field, value, field, value … ; 1 created (or already ours), 0 taken.
CREATE = Script("""
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'h') == ARGV[2] and 1 or 0
end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
""")

#: ARGV: time to live in ms, seen, expires; new secret or '', the secret expected or '', when rotated, previous
#: until, previous blank; '' or 'bind' or 'unbind', user; how many fields to set, to drop, to swap; 1 if it only
#: extends; then the fields:
#: field and value, field, field and expected and new value. 0 gone, 1 saved, 2 saved but another rotated first.
SAVE = Script("""
local key, answer = KEYS[1], 1
local times = redis.call('HMGET', key, 's', 'e')
local seen, expires = times[1], times[2]
if not seen and redis.call('EXISTS', key) == 0 then return 0 end
local sets, drops, swaps, at = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), 15
local last = at + 2 * sets - 1
for i = at, last, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, last))) end
at = last + 1
for i = 1, drops do
  redis.call('HDEL', key, ARGV[at])
  at = at + 1
end
for i = 1, swaps do
  if redis.call('HGET', key, ARGV[at]) == ARGV[at + 1] then redis.call('HSET', key, ARGV[at], ARGV[at + 2]) end
  at = at + 3
end
if ARGV[9] == 'bind' then redis.call('HSET', key, 'u', ARGV[10]) end
if ARGV[9] == 'unbind' then redis.call('HDEL', key, 'u') end
if ARGV[4] ~= '' then
  local current = redis.call('HGET', key, 'h')
  if current ~= ARGV[4] then
    if ARGV[5] ~= '' and ARGV[5] ~= current then
      answer = 2
    else
      redis.call('HSET', key, 'h', ARGV[4], 'r', ARGV[6], 'p', current or '', 'g', ARGV[7], 'b', ARGV[8])
    end
  end
end
if (tonumber(seen) or 0) < tonumber(ARGV[2]) then seen = ARGV[2] end
if ARGV[14] == '1' and (tonumber(expires) or 0) >= tonumber(ARGV[3]) then
  redis.call('HSET', key, 's', seen)
else
  redis.call('HSET', key, 's', seen, 'e', ARGV[3])
  redis.call('PEXPIRE', key, ARGV[1])
end
return answer
""")

#: ARGV: time to live in ms, seen, expires.
TOUCH = Script("""
local times = redis.call('HMGET', KEYS[1], 's', 'e')
if not times[1] and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if (tonumber(times[1]) or 0) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 's', ARGV[2]) end
if (tonumber(times[2]) or 0) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'e', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
""")

#: ARGV: user. Destroys the session if it is (still) bound to that user.
REVOKE = Script("""
if redis.pcall('HGET', KEYS[1], 'u') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")

#: KEYS: a user's index. ARGV: now, record id, time to live in ms; the index lives as long as its longest member.
INDEX = Script("""
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
""")
