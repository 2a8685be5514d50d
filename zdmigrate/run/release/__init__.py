"""`zdmigrate release`: expand, change the nodes behind the load balancer, move data, contract.

What is to be done next is decided by looking (`plan.next_action`, pure): at the fleet, the balancer and the database.
The journal adds only what cannot be seen. So a release that was killed goes on by being started again.
"""
