"""`keystone-manage db_sync` registers Keystone's options first; the first revision reads some of them."""

import keystone.conf

keystone.conf.configure()
