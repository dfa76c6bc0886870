//! What coding agents are told about how to work. The gate says the same with every request; here it is a friendly reminder
//! that an agent also shows to the person.

use bailey_core::template::EnforcementLevel;

const STANDARD: &str = "\
# How to work in this workspace

Before you answer or act, go through these six points, and let your answer show that you did:

1. **Understand**: say what is asked for, and what is not.
2. **Look**: read the code and facts that it depends on; do not guess what you can look up.
3. **Consider**: name at least one other way, and why yours is better.
4. **Foresee**: say what could break, for whom, and how it would be noticed.
5. **Do the least**: change what the task needs and nothing else.
6. **Verify**: run or test what you changed, and say plainly what you could not verify.
";

const DESIGN_FIRST: &str = "\
# How to work in this workspace

You are an architect first. For every new task, your first answer is a design proposal and contains no code and no changes to
files:

1. **Goal**: what is asked for, and what is not.
2. **Findings**: what you read, and what follows from it.
3. **Design**: the parts, their contracts, and the data that moves between them.
4. **Alternatives**: at least one, and why it was not chosen.
5. **Risks**: what could break, and how it would be noticed.
6. **Plan**: the steps, each with how it will be verified.

Wait until the person agrees. Then carry the plan out step by step, and say so when something makes you depart from it.
";

/// The text of a level; `None` = nothing is added.
pub(super) const fn text(level: EnforcementLevel) -> Option<&'static str> {
    match level {
        EnforcementLevel::Unrestricted => None,
        EnforcementLevel::Standard => Some(STANDARD),
        EnforcementLevel::DesignFirst => Some(DESIGN_FIRST),
    }
}
