//! The planner against a world that is killed between and within actions.

use proptest::prelude::*;
use uuid::Uuid;

use super::{Action, Goal, Observed, SeenAgent, Transition, plan};
use crate::{BuildId, Timestamp};

const OURS: BuildId = BuildId::from_uuid(Uuid::from_u128(1));
const OTHER: BuildId = BuildId::from_uuid(Uuid::from_u128(2));

/// What an executor works on. Agents are counted, so that two would be seen.
#[derive(Debug, Clone)]
struct World {
    home: bool,
    key: bool,
    agents: Vec<SeenAgent>,
    failure: Option<String>,
    end: Option<Result<(), String>>,
    now: i64,
    /// Whether an agent becomes ready once it is waited for.
    healthy: bool,
}

impl World {
    fn observed(&self) -> Observed {
        Observed {
            home: self.home,
            key: self.key,
            agent: self.agents.first().cloned(),
            failure: self.failure.clone(),
        }
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::EnsureHome => self.home = true,
            Action::RevokeKeys => self.key = false,
            Action::StartAgent => {
                assert!(self.home, "an agent is started without a home");
                assert!(!self.key, "a key of before is still good");
                self.agents.push(SeenAgent {
                    build: Some(OURS),
                    ready: false,
                });
            }
            Action::AwaitReady => {
                assert_eq!(self.agents.len(), 1, "nothing to wait for");
                // The agent gets its key while it is waited for.
                self.key = true;
                if self.healthy {
                    self.agents[0].ready = true;
                } else {
                    self.failure = Some("it did not come up".to_owned());
                }
            }
            Action::StopAgent => self.agents.clear(),
            Action::RemoveHome => {
                assert!(self.agents.is_empty(), "a home is removed from under an agent");
                self.home = false;
            }
            Action::Finish => self.end = Some(Ok(())),
            Action::Fail(cause) => self.end = Some(Err(cause.clone())),
        }
        assert!(self.agents.len() <= 1, "two agents run");
        self.now += 1;
    }
}

fn agent() -> impl Strategy<Value = Option<SeenAgent>> {
    let build = prop::sample::select(vec![None, Some(OURS), Some(OTHER)]);
    prop::option::of((build, any::<bool>()).prop_map(|(build, ready)| SeenAgent { build, ready }))
}

fn world() -> impl Strategy<Value = World> {
    (any::<bool>(), any::<bool>(), agent(), any::<bool>(), any::<bool>()).prop_map(
        |(home, key, agent, failed, healthy)| World {
            // An agent has a home.
            home: home || agent.is_some(),
            key,
            agents: agent.into_iter().collect(),
            failure: failed.then(|| "it broke".to_owned()),
            end: None,
            now: 0,
            healthy,
        },
    )
}

/// Runs a build to its end. Each entry of `crashes` is how many actions are done before the process is killed, and
/// whether the last of them took effect.
fn run(world: &mut World, goal: &Goal, crashes: &[(usize, bool)]) {
    let mut crashes = crashes.iter();
    for _ in 0..50 {
        let actions = plan(goal, &world.observed(), Timestamp::from_micros(world.now));
        let last = actions.last().unwrap();
        assert!(
            matches!(last, Action::Finish | Action::Fail(_)),
            "a plan without an end"
        );
        let crash = crashes.next().copied();
        for (i, action) in actions.iter().enumerate() {
            if let Some((after, done)) = crash
                && i == after
            {
                if done {
                    world.apply(action);
                }
                break;
            }
            world.apply(action);
            if world.end.is_some() {
                return;
            }
            if world.failure.is_some() && *action == Action::AwaitReady {
                break;
            }
        }
        if world.end.is_some() {
            return;
        }
    }
    panic!("no end: {world:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_build_ends_as_it_should(
        mut world in world(),
        transition in prop::sample::select(Transition::ALL.to_vec()),
        keep_home: bool,
        deadline in 0_i64..30,
        crashes in prop::collection::vec((0_usize..6, any::<bool>()), 0..6),
    ) {
        let goal = Goal { build: OURS, transition, keep_home, deadline: Timestamp::from_micros(deadline) };
        let had_home = world.home;
        run(&mut world, &goal, &crashes);
        let end = world.end.clone().unwrap();
        match transition {
            Transition::Start | Transition::Restart | Transition::Update => match end {
                Ok(()) => {
                    prop_assert_eq!(&world.agents, &[SeenAgent { build: Some(OURS), ready: true }]);
                    prop_assert!(world.home);
                }
                Err(_) => {
                    prop_assert!(world.agents.is_empty() && !world.key, "something is left behind");
                    prop_assert!(world.home || !had_home, "a failed start takes no home away");
                }
            },
            Transition::Stop => {
                prop_assert_eq!(end, Ok(()));
                prop_assert!(world.agents.is_empty() && !world.key);
                prop_assert_eq!(world.home, had_home);
            }
            Transition::Delete => {
                prop_assert_eq!(end, Ok(()));
                prop_assert!(world.agents.is_empty() && !world.key);
                prop_assert_eq!(world.home, had_home && keep_home);
            }
        }
    }

    #[test]
    fn the_rest_of_a_plan_is_the_plan_of_what_is_there(
        mut world in world(),
        transition in prop::sample::select(Transition::ALL.to_vec()),
        keep_home: bool,
    ) {
        world.healthy = true;
        let goal = Goal { build: OURS, transition, keep_home, deadline: Timestamp::from_micros(1_000) };
        let actions = plan(&goal, &world.observed(), Timestamp::default());
        for (i, action) in actions.iter().enumerate() {
            let again = plan(&goal, &world.observed(), Timestamp::default());
            prop_assert_eq!(&again[..], &actions[i..]);
            world.apply(action);
        }
    }
}
