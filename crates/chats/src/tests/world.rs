//! A store, a workspace in memory, and a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailey_core::authz::Role;
use bailey_core::chat::{Channel, Chat, Engine, Limits, LogPart, Part, Prompts};
use bailey_core::mask::Secrets;
use bailey_core::people::{Organization, Person, PersonStatus};
use bailey_core::template::Resolved;
use bailey_core::workspace::{Build, BuildState, Quota, Transition};
use bailey_core::{BuildId, CallId, ChatId, OrgId, PersonId, TemplateId, TemplateVersionId, Timestamp, WorkspaceId};
use bailey_runtime::{Clock, ManualClock, Tasks};
use bailey_store::{Begun, NewWorkspace, Store, Target};
use bailey_testkit::db::{TestDb, TestTarget};
use uuid::Uuid;

use super::crash::Crash;
use super::script::{Say, Script};
use crate::worker::Saves;
use crate::workspace::{
    Answered, Command, DirEntry, Exit, FileText, Output, ProcessOutput, Workspace, WorkspaceError, Workspaces,
};
use crate::{Chats, Start, Worker, WorkerOptions};

pub(crate) const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);
pub(crate) const ADA: PersonId = PersonId::from_uuid(Uuid::from_u128(7));
const PLACE: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(8));

/// Files and processes in memory. It knows each command by its key, and takes none twice.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) files: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) commands: Mutex<Vec<Vec<String>>>,
    keys: Mutex<BTreeSet<CallId>>,
    input: Mutex<Vec<u8>>,
    running: Mutex<(usize, usize)>,
}

/// Counts what runs at once, also when it is dropped.
struct Running<'a>(&'a Memory);

impl<'a> Running<'a> {
    fn new(memory: &'a Memory) -> Self {
        let mut running = memory.running.lock().unwrap();
        running.0 += 1;
        running.1 = running.1.max(running.0);
        drop(running);
        Self(memory)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.lock().unwrap().0 -= 1;
    }
}

impl Memory {
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        let files = self.files.lock().unwrap();
        files.get(path).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), text.as_bytes().to_vec());
    }

    /// How many commands run now, and how many ran at once at most.
    pub(crate) fn running(&self) -> (usize, usize) {
        *self.running.lock().unwrap()
    }

    fn begin(&self, command: &Command) {
        assert!(
            self.keys.lock().unwrap().insert(command.key),
            "{command:?} was begun before"
        );
        self.commands.lock().unwrap().push(command.argv.clone());
    }
}

impl Workspace for Memory {
    fn exec<'a>(&'a self, command: &'a Command, output: Output<'a>) -> Answered<'a, Exit> {
        Box::pin(async move {
            // Git is several commands for one call.
            if command.argv[0] == "git" {
                self.commands.lock().unwrap().push(command.argv.clone());
            } else {
                self.begin(command);
            }
            let _running = Running::new(self);
            let text = command.argv.last().cloned().unwrap_or_default();
            let mut status = 0;
            match text.split_once(' ') {
                Some(("echo", rest)) => output(Channel::Stdout, rest.as_bytes()),
                // A byte at a time.
                Some(("cat", path)) => {
                    let file = self.file(path).unwrap();
                    file.as_bytes().chunks(1).for_each(|byte| output(Channel::Stdout, byte));
                }
                Some(("fail", rest)) => {
                    output(Channel::Stderr, rest.as_bytes());
                    status = 3;
                }
                Some(("flood", bytes)) => {
                    for _ in 0..bytes.parse::<usize>().unwrap() / 8 {
                        output(Channel::Stdout, "12345€".as_bytes());
                    }
                }
                Some(("pause", millis)) => {
                    tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
                }
                _ if text == "hang" => {
                    output(Channel::Stdout, b"began\n");
                    std::future::pending::<()>().await;
                }
                _ => output(Channel::Stdout, format!("ran {}", command.argv.join(" ")).as_bytes()),
            }
            let timed_out = false;
            Ok(Exit { status, timed_out })
        })
    }

    fn process_start<'a>(&'a self, command: &'a Command) -> Answered<'a, String> {
        Box::pin(async move {
            self.begin(command);
            Ok("p1".to_owned())
        })
    }

    fn process_output<'a>(&'a self, process: &'a str, after: u64, _: Duration) -> Answered<'a, ProcessOutput> {
        Box::pin(async move {
            if process != "p1" {
                return Err(WorkspaceError::Refused(format!("there is no process {process:?}")));
            }
            let bytes = self.input.lock().unwrap().clone();
            let next = bytes.len() as u64;
            Ok(ProcessOutput {
                bytes: bytes[usize::try_from(after).unwrap().min(bytes.len())..].to_vec(),
                lost: false,
                next,
                exited: None,
            })
        })
    }

    fn process_input<'a>(&'a self, _: &'a str, bytes: &'a [u8]) -> Answered<'a, ()> {
        Box::pin(async move {
            self.input.lock().unwrap().extend_from_slice(bytes);
            Ok(())
        })
    }

    fn process_stop<'a>(&'a self, _: &'a str) -> Answered<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn read<'a>(&'a self, path: &'a str, most: u64) -> Answered<'a, FileText> {
        Box::pin(async move {
            // Whoever reads and then writes gives others their chance to come between.
            tokio::task::yield_now().await;
            let files = self.files.lock().unwrap();
            let missing = || WorkspaceError::Refused(format!("there is no file {path}"));
            let bytes = files.get(path).ok_or_else(missing)?;
            let kept = bytes.len().min(usize::try_from(most).unwrap());
            Ok(FileText {
                bytes: bytes[..kept].to_vec(),
                size: bytes.len() as u64,
            })
        })
    }

    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> Answered<'a, ()> {
        Box::pin(async move {
            self.files.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn list<'a>(&'a self, _: &'a str) -> Answered<'a, Vec<DirEntry>> {
        Box::pin(async move {
            let files = self.files.lock().unwrap();
            let entry = |(name, bytes): (&String, &Vec<u8>)| DirEntry {
                name: name.clone(),
                directory: false,
                size: bytes.len() as u64,
            };
            Ok(files.iter().map(entry).collect())
        })
    }
}

/// Opens the one workspace, or says that it cannot be.
struct Door(Option<Arc<Memory>>, Secrets);

impl Workspaces for Door {
    fn open<'a>(&'a self, _: &'a Chat, _: Timestamp) -> Answered<'a, Arc<dyn Workspace>> {
        Box::pin(async move {
            let gone = || WorkspaceError::Unreachable("it is stopped".to_owned());
            let memory = self.0.clone().ok_or_else(gone)?;
            Ok(memory as Arc<dyn Workspace>)
        })
    }

    fn secrets<'a>(&'a self, _: &'a Chat) -> Answered<'a, Secrets> {
        Box::pin(async { Ok(self.1.clone()) })
    }
}

pub(crate) struct World {
    pub(crate) chats: Chats,
    pub(crate) store: Store,
    pub(crate) hand: ManualClock,
    pub(crate) model: Arc<Script>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) protocol: &'static str,
    pub(crate) open: bool,
    pub(crate) secrets: Secrets,
    pub(crate) options: WorkerOptions,
    pub(crate) tasks: Tasks,
    _db: TestDb,
}

fn options() -> WorkerOptions {
    WorkerOptions {
        batch: Duration::from_millis(5),
        retry_wait: Duration::from_millis(1),
        poll: Duration::from_millis(20),
        ..WorkerOptions::default()
    }
}

impl World {
    pub(crate) async fn new(protocol: &'static str, says: Vec<Say>) -> Self {
        let db = TestDb::sqlite().unwrap();
        let TestTarget::Sqlite(path) = db.target() else {
            panic!("SQLite")
        };
        let store = Store::open(&Target::Sqlite(path.clone())).await.unwrap();
        people(&store).await;
        let (clock, hand) = Clock::manual(T0);
        Self {
            chats: Chats::new(store.clone(), clock),
            store,
            hand,
            model: Arc::new(Script::new(says)),
            memory: Arc::default(),
            protocol,
            open: true,
            secrets: Secrets::default(),
            options: options(),
            tasks: Tasks::new(),
            _db: db,
        }
    }

    pub(crate) fn start(&self) -> Start {
        Start {
            id: None,
            workspace: PLACE,
            title: "A chat".into(),
            engine: Engine {
                model: "mock".into(),
                protocol: self.protocol.into(),
                context: 100_000,
                output: 4_000,
                thinking: None,
            },
            prompts: Prompts::default(),
            directory: None,
            planned: false,
            once: false,
            limits: Limits::default(),
            task: None,
            message: Some((Some(ADA), "hello".into())),
        }
    }

    pub(crate) fn hand_now(&self) -> Timestamp {
        self.chats.clock.now()
    }

    pub(crate) async fn begin(&self) -> ChatId {
        self.chats.create(self.start()).await.unwrap().id
    }

    pub(crate) fn worker(&self, crash: Option<Arc<Crash>>) -> Worker {
        let mut saves = Saves::new(self.chats.clone());
        saves.crash = crash;
        let door = Door(self.open.then(|| Arc::clone(&self.memory)), self.secrets.clone());
        let with = (Arc::clone(&self.model) as _, Arc::new(door) as _);
        Worker::with_saves(saves, with, self.tasks.clone(), self.options.clone())
    }

    /// Does all that there is to do.
    pub(crate) async fn rest(&self) {
        let worker = self.worker(None);
        while worker.once().await {}
    }

    pub(crate) async fn chat(&self, id: ChatId) -> Chat {
        self.store.chat_get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn parts(&self, id: ChatId) -> Vec<Part> {
        let parts: Vec<LogPart> = self.store.chat_parts(id, 0, 10_000).await.unwrap();
        parts.into_iter().map(|part| part.part).collect()
    }

    /// The results of tools, in the order in which they came.
    pub(crate) async fn results(&self, id: ChatId) -> Vec<(bailey_core::chat::Outcome, String)> {
        let parts = self.parts(id).await.into_iter();
        let result = |part| match part {
            Part::ToolResult { outcome, text, .. } => Some((outcome, text)),
            _ => None,
        };
        parts.filter_map(result).collect()
    }

    /// Waits until something is in the log.
    pub(crate) async fn until(&self, id: ChatId, seen: impl Fn(&Part) -> bool) {
        for _ in 0..2_000 {
            if self.parts(id).await.iter().any(&seen) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it did not come: {:?}", self.parts(id).await);
    }
}

async fn people(store: &Store) {
    let ada = Person {
        id: ADA,
        name: "ada".into(),
        display_name: "Ada".into(),
        email: None,
        role: Role::Owner,
        status: PersonStatus::Active,
        charged_group: None,
        created_at: T0,
    };
    let organization = Organization {
        id: OrgId::from_uuid(Uuid::from_u128(1)),
        display_name: "Acme".into(),
        created_at: T0,
    };
    store.bootstrap(&ada, &organization).await.unwrap();
    let version = TemplateVersionId::from_uuid(Uuid::from_u128(5));
    let workspace = NewWorkspace {
        id: PLACE,
        owner: ADA,
        name: "place".into(),
        template: TemplateId::from_uuid(Uuid::from_u128(4)),
        version,
        parameters: BTreeMap::new(),
        resolved: Resolved::default(),
        auto_stop: None,
        created_at: T0,
    };
    let build = Build {
        id: BuildId::from_uuid(Uuid::from_u128(9)),
        workspace: PLACE,
        number: 1,
        transition: Transition::Start,
        state: BuildState::Queued,
        version,
        initiator: Some(ADA),
        reason: None,
        error: None,
        created_at: T0,
        started_at: None,
        finished_at: None,
    };
    let made = store
        .workspace_create(&workspace, &build, &Quota::default())
        .await
        .unwrap();
    assert!(matches!(made, Begun::Yes(_)));
}
