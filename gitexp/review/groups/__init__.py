"""Groups: the people of a project, what each may do, and who somebody is."""

from gitexp.project.groups import NO_GROUPS as NO_GROUPS
from gitexp.project.groups import ROLES as ROLES
from gitexp.project.groups import Actor as Actor
from gitexp.project.groups import Group as Group
from gitexp.project.groups import Groups as Groups
from gitexp.project.groups import Member as Member
from gitexp.project.groups import Role as Role
from gitexp.project.groups import current_groups as current_groups
from gitexp.project.groups import groups_at as groups_at
from gitexp.project.groups import identity_key as identity_key
from gitexp.project.groups import same_person as same_person
from gitexp.project.groups import shared_trunk as shared_trunk
