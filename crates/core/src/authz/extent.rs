//! How far an action reaches for somebody, with the groups that it reaches into.

use std::collections::BTreeSet;

use super::Reach;
use crate::GroupId;

/// Whose things an action reaches for one person. The wider includes the narrower: one's own things are always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// One's own.
    Own,
    /// Those of the people in these groups, and one's own.
    Groups(BTreeSet<GroupId>),
    /// Everyone's.
    All,
}

impl Extent {
    /// The extent of a reach that goes into these groups. In no group it is one's own things alone.
    pub fn of(reach: Reach, groups: impl IntoIterator<Item = GroupId>) -> Self {
        match reach {
            Reach::Own => Self::Own,
            Reach::All => Self::All,
            Reach::Group => {
                let groups: BTreeSet<_> = groups.into_iter().collect();
                if groups.is_empty() {
                    Self::Own
                } else {
                    Self::Groups(groups)
                }
            }
        }
    }

    /// How far that is, in a word.
    pub const fn reach(&self) -> Reach {
        match self {
            Self::Own => Reach::Own,
            Self::Groups(_) => Reach::Group,
            Self::All => Reach::All,
        }
    }

    /// The groups that it reaches into by name; none where it reaches everyone.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        let groups = match self {
            Self::Groups(groups) => Some(groups),
            Self::Own | Self::All => None,
        };
        groups.into_iter().flatten().copied()
    }

    /// What both reach together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Groups(mut one), Self::Groups(two)) => {
                one.extend(two);
                Self::Groups(one)
            }
            (Self::Groups(groups), Self::Own) | (Self::Own, Self::Groups(groups)) => Self::Groups(groups),
            (Self::Own, Self::Own) => Self::Own,
        }
    }

    /// Whether who reaches this far may give `reach` to somebody else. `into` is the group that [`Reach::Group`] would go
    /// into, where it is one alone. What is somebody's own is theirs, so that nobody gives more by it than they have.
    pub fn may_give(&self, reach: Reach, into: Option<GroupId>) -> bool {
        match (self, reach) {
            (Self::All, _) | (_, Reach::Own) => true,
            (Self::Groups(groups), Reach::Group) => into.is_some_and(|group| groups.contains(&group)),
            (Self::Own, Reach::Group) | (_, Reach::All) => false,
        }
    }

    /// Whether all that `other` reaches for a person in `groups` is reached here too.
    pub fn includes_of(&self, other: &Self, groups: &[GroupId]) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Groups(mine), Self::Groups(theirs)) => theirs.is_subset(mine),
            (Self::Groups(mine), Self::Own) => groups.iter().any(|group| mine.contains(group)),
            (Self::Own, _) | (Self::Groups(_), Self::All) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn group(n: u128) -> GroupId {
        GroupId::from_uuid(Uuid::from_u128(n))
    }

    fn groups(numbers: &[u128]) -> Extent {
        Extent::of(Reach::Group, numbers.iter().map(|n| group(*n)))
    }

    #[test]
    fn in_no_group_it_is_ones_own() {
        assert_eq!(groups(&[]), Extent::Own);
        assert_eq!(groups(&[1]).reach(), Reach::Group);
    }

    #[test]
    fn together_they_reach_what_each_reaches() {
        assert_eq!(groups(&[1]).and(groups(&[2])), groups(&[1, 2]));
        assert_eq!(groups(&[1]).and(Extent::Own), groups(&[1]));
        assert_eq!(Extent::Own.and(Extent::All), Extent::All);
        assert_eq!(Extent::Own.and(Extent::Own), Extent::Own);
    }

    #[test]
    fn nobody_gives_further_than_they_reach() {
        for reach in Reach::ALL {
            assert!(Extent::All.may_give(reach, None));
            assert_eq!(Extent::Own.may_give(reach, Some(group(1))), reach == Reach::Own);
        }
        assert!(groups(&[1]).may_give(Reach::Group, Some(group(1))));
        assert!(!groups(&[1]).may_give(Reach::Group, Some(group(2))));
        assert!(
            !groups(&[1]).may_give(Reach::Group, None),
            "somebody may join any group"
        );
        assert!(!groups(&[1]).may_give(Reach::All, Some(group(1))));
    }

    #[test]
    fn another_persons_things_are_included_only_where_they_are_reached() {
        assert!(Extent::All.includes_of(&Extent::All, &[]));
        assert!(groups(&[1]).includes_of(&Extent::Own, &[group(1), group(3)]));
        assert!(!groups(&[1]).includes_of(&Extent::Own, &[group(2)]));
        assert!(!groups(&[1]).includes_of(&groups(&[1, 2]), &[group(1)]));
        assert!(!Extent::Own.includes_of(&Extent::Own, &[group(1)]));
    }
}
