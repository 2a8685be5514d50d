"""M16 no upgrade."""

revision = "m16_no_upgrade"
down_revision = "m14_recreate"
