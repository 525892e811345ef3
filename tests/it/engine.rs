//! The engine: supervision, isolation, live boards. Sources are fakes; time is tokio's paused clock, so nothing waits.
#![allow(clippy::disallowed_methods, reason = "the tests play the engine's part and spawn its jobs")]

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::{TimeZone, Utc};
use quarterdeck::{
    config::SourceConfig,
    domain::{
        Time,
        health::{SourceHealth, SourceStatus},
        record::{Body, Deployment, Record, SourceState},
    },
    engine::{
        Clock,
        job::{Budget, Job, STATE_ID, jitter, pause},
        keeper::ToKeeper,
    },
    sources::{Batch, Cursor, Fut, Source, SourceError},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};

fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

/// A clock that goes with tokio's paused time.
fn clock() -> Clock {
    let began = Instant::now();
    Arc::new(move || start() + chrono::Duration::from_std(began.elapsed()).unwrap())
}

enum Step {
    Records(u32),
    More(u32),
    Fail(SourceError),
    Panic,
    Hang,
}

/// A source that does what its script says, then reports nothing new for ever; it writes down when it was polled.
struct Scripted {
    steps: Mutex<VecDeque<Step>>,
    polls: Arc<Mutex<Vec<Duration>>>,
    began: Instant,
    next_id: AtomicU32,
}

impl Scripted {
    fn new(steps: Vec<Step>) -> (Self, Arc<Mutex<Vec<Duration>>>) {
        let polls = Arc::new(Mutex::new(Vec::new()));
        let source = Self { steps: Mutex::new(steps.into()), polls: Arc::clone(&polls), began: Instant::now(), next_id: AtomicU32::new(0) };
        (source, polls)
    }

    fn batch(&self, count: u32, more: bool, cursor: &Cursor) -> Batch {
        let records = (0..count)
            .map(|_| {
                let id = self.next_id.fetch_add(1, Ordering::Relaxed);
                Record::new("", format!("d{id}"), Body::Deployment(Deployment::default()))
            })
            .collect();
        let done: u32 = cursor.0.parse().unwrap_or(0);
        Batch { records, more, cursor: Cursor((done + count).to_string()), message: "read".into(), ..Batch::default() }
    }
}

impl Source for Scripted {
    fn poll<'a>(&'a self, cursor: &'a Cursor, _now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        Box::pin(async move {
            self.polls.lock().unwrap().push(self.began.elapsed());
            let step = self.steps.lock().unwrap().pop_front();
            match step {
                Some(Step::Records(n)) => Ok(self.batch(n, false, cursor)),
                Some(Step::More(n)) => Ok(self.batch(n, true, cursor)),
                Some(Step::Fail(e)) => Err(e),
                Some(Step::Panic) => panic!("a defect of a source"),
                Some(Step::Hang) => std::future::pending().await,
                None => Ok(self.batch(0, false, cursor)),
            }
        })
    }
}

struct Stage {
    health: watch::Receiver<Vec<SourceHealth>>,
    inbox: mpsc::Receiver<ToKeeper>,
    sender: watch::Sender<Vec<SourceHealth>>,
    keeper: mpsc::Sender<ToKeeper>,
}

fn stage(names: &[&str]) -> Stage {
    let (sender, health) = watch::channel(names.iter().map(|n| SourceHealth::starting(*n, "fake")).collect());
    let (keeper, inbox) = mpsc::channel(16);
    Stage { health, inbox, sender, keeper }
}

fn job(stage: &Stage, name: &str, source: Scripted, budget: &Arc<Budget>) -> (Job, Arc<Notify>) {
    let wake = Arc::new(Notify::new());
    let config = SourceConfig {
        name: name.into(),
        kind: "fake".into(),
        every: None,
        timeout: None,
        backfill: None,
        off: false,
        service: Some("api".into()),
        team: None,
        env_tier: None,
        line: 1,
        own: quarterdeck::config::OwnKeys::default(),
    };
    let job = Job {
        config,
        source: Box::new(source),
        feeds: vec!["deployment".into()],
        every: Duration::from_secs(15),
        timeout: Duration::from_secs(30),
        cursor: Cursor::default(),
        state: SourceState::default(),
        budget: Arc::clone(budget),
        keeper: stage.keeper.clone(),
        health: stage.sender.clone(),
        wake: Arc::clone(&wake),
        clock: clock(),
        first: Duration::ZERO,
    };
    (job, wake)
}

/// Take one batch as the keeper would, and answer.
async fn take(stage: &mut Stage, answer: Result<(), String>) -> (String, Vec<Record>, Option<String>) {
    match stage.inbox.recv().await.expect("a job is running") {
        ToKeeper::Batch { incoming, ack, .. } => {
            ack.send(answer).unwrap();
            (incoming.source, incoming.records, incoming.cursor)
        }
        other => panic!("unexpected {other:?}"),
    }
}

async fn until(stage: &mut Stage, name: &str, holds: impl Fn(&SourceHealth) -> bool) -> SourceHealth {
    let all = stage.health.wait_for(|all| all.iter().any(|h| h.name == name && holds(h))).await.unwrap();
    all.iter().find(|h| h.name == name).unwrap().clone()
}

#[test]
fn a_pause_doubles_to_five_minutes_and_a_refusal_waits_long_at_once() {
    let down = SourceError::Unreachable("no answer".into());
    let waits: Vec<u64> = [1, 2, 3, 4, 9, 10, 99].iter().map(|n| pause(&down, *n).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 256, 300, 300]);
    assert_eq!(pause(&SourceError::Denied("no".into()), 1).as_secs(), 600);
}

#[test]
fn retry_after_is_honoured_within_reason() {
    let told = |s| SourceError::Throttled { message: String::new(), retry_after: Some(Duration::from_secs(s)) };
    assert_eq!(pause(&told(0), 1).as_secs(), 1);
    assert_eq!(pause(&told(42), 1).as_secs(), 42);
    assert_eq!(pause(&told(1_000_000), 1).as_secs(), 3_600);
    assert_eq!(pause(&SourceError::Throttled { message: String::new(), retry_after: None }, 1).as_secs(), 30);
}

#[test]
fn jitter_is_the_same_for_a_name_and_spread_over_names() {
    let span = Duration::from_secs(10);
    assert_eq!(jitter("a", span), jitter("a", span));
    let spread: std::collections::BTreeSet<_> = (0..50).map(|i| jitter(&format!("source-{i}"), span).as_millis()).collect();
    assert!(spread.len() > 40 && spread.iter().all(|ms| *ms < 10_000));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_moves_only_after_the_keeper_has_acknowledged() {
    let mut stage = stage(&["ci"]);
    let (source, _) = Scripted::new(vec![Step::Records(2), Step::Records(3)]);
    let (job, _) = job(&stage, "ci", source, &Arc::default());
    let task = tokio::spawn(job.run());
    let (_, _, cursor) = take(&mut stage, Err("disk full".into())).await;
    assert_eq!(cursor.as_deref(), Some("2"));
    let failing = until(&mut stage, "ci", |h| h.status == SourceStatus::Failing).await;
    assert!(failing.message.contains("disk full"), "{}", failing.message);
    let (_, records, cursor) = take(&mut stage, Ok(())).await;
    assert_eq!(cursor.as_deref(), Some("3"), "it went on from the beginning, not from the lost batch");
    assert_eq!(records.iter().filter(|r| r.id.starts_with('d')).count(), 3);
    until(&mut stage, "ci", |h| h.status == SourceStatus::Ok && h.records_total == 3).await;
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn records_get_the_sources_name_and_service_and_a_state_record_says_it_is_alive() {
    let mut stage = stage(&["ci"]);
    let (source, _) = Scripted::new(vec![Step::Records(1)]);
    let (job, _) = job(&stage, "ci", source, &Arc::default());
    let task = tokio::spawn(job.run());
    let (_, records, _) = take(&mut stage, Ok(())).await;
    let deployment = records.iter().find(|r| r.id == "d0").unwrap();
    assert_eq!((deployment.source.as_str(), deployment.service.as_deref()), ("ci", Some("api")));
    let state = records.iter().find(|r| r.id == STATE_ID).unwrap();
    let Body::SourceState(s) = &state.body else { panic!("not a state") };
    assert_eq!(s.connected_at, Some(start()));
    assert_eq!(s.feeds, ["deployment"]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn more_polls_at_once_and_then_every_interval() {
    let mut stage = stage(&["ci"]);
    let (source, polls) = Scripted::new(vec![Step::More(1), Step::More(1), Step::Records(1)]);
    let (job, _) = job(&stage, "ci", source, &Arc::default());
    let task = tokio::spawn(job.run());
    for _ in 0..3 {
        take(&mut stage, Ok(())).await;
    }
    until(&mut stage, "ci", |h| h.status == SourceStatus::Ok).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let at: Vec<u64> = polls.lock().unwrap().iter().map(Duration::as_secs).collect();
    assert_eq!(at, [0, 0, 0, 15, 30]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_delays_no_other_and_says_so_in_its_own_line() {
    let mut stage = stage(&["slow", "quick"]);
    let (slow, _) = Scripted::new(vec![Step::Hang]);
    let (quick, polls) = Scripted::new(vec![Step::Records(1)]);
    let (slow, _) = job(&stage, "slow", slow, &Arc::default());
    let (quick, _) = job(&stage, "quick", quick, &Arc::default());
    let tasks = [tokio::spawn(slow.run()), tokio::spawn(quick.run())];
    let (who, _, _) = take(&mut stage, Ok(())).await;
    assert_eq!(who, "quick");
    let hung = until(&mut stage, "slow", |h| h.status == SourceStatus::Failing).await;
    assert!(hung.message.contains("30s"), "{}", hung.message);
    let at: Vec<u64> = polls.lock().unwrap().iter().map(Duration::as_secs).collect();
    assert_eq!(at, [0, 15, 30], "the quick one kept its cadence");
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_only_its_own_source_and_is_tried_again() {
    let mut stage = stage(&["broken"]);
    let (source, polls) = Scripted::new(vec![Step::Panic, Step::Records(1)]);
    let (job, _) = job(&stage, "broken", source, &Arc::default());
    let task = tokio::spawn(job.run());
    let failed = until(&mut stage, "broken", |h| h.status == SourceStatus::Failing).await;
    assert!(failed.message.contains("panic") && failed.failures == 1, "{}", failed.message);
    take(&mut stage, Ok(())).await;
    let well = until(&mut stage, "broken", |h| h.status == SourceStatus::Ok).await;
    assert_eq!(well.failures, 0);
    assert_eq!(polls.lock().unwrap().len(), 2);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_wait_longer_each_time() {
    let mut stage = stage(&["down"]);
    let down = || Step::Fail(SourceError::Unreachable("connection refused".into()));
    let (source, polls) = Scripted::new(vec![down(), down(), down(), down()]);
    let (job, _) = job(&stage, "down", source, &Arc::default());
    let task = tokio::spawn(job.run());
    let health = until(&mut stage, "down", |h| h.failures == 4).await;
    assert!(health.next_try.is_some() && health.message.contains("connection refused"));
    let at: Vec<f64> = polls.lock().unwrap().iter().map(Duration::as_secs_f64).collect();
    for (i, (least, most)) in [(1.0, 1.2), (2.0, 2.3), (4.0, 4.5)].iter().enumerate() {
        let gap = at[i + 1] - at[i];
        assert!((*least..*most).contains(&gap), "pause {i}: {gap}");
    }
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_manual_refresh_does_not_wait_out_a_pause() {
    let mut stage = stage(&["denied"]);
    let (source, polls) = Scripted::new(vec![Step::Fail(SourceError::Denied("token expired".into()))]);
    let (job, wake) = job(&stage, "denied", source, &Arc::default());
    let task = tokio::spawn(job.run());
    until(&mut stage, "denied", |h| h.status == SourceStatus::Denied).await;
    wake.notify_one();
    take(&mut stage, Ok(())).await;
    until(&mut stage, "denied", |h| h.status == SourceStatus::Ok).await;
    assert!(polls.lock().unwrap()[1] < Duration::from_secs(1));
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn sources_with_one_credential_share_a_pause() {
    let mut stage = stage(&["a", "b"]);
    let told = Step::Fail(SourceError::Throttled { message: "slow down".into(), retry_after: Some(Duration::from_secs(40)) });
    let budget = Arc::new(Budget::default());
    let (a, _) = Scripted::new(vec![told]);
    let (b, polls) = Scripted::new(vec![Step::Records(1)]);
    let (a, _) = job(&stage, "a", a, &budget);
    let (b, _) = job(&stage, "b", b, &budget);
    let task_a = tokio::spawn(a.run());
    until(&mut stage, "a", |h| h.status == SourceStatus::Throttled).await;
    let task_b = tokio::spawn(b.run());
    take(&mut stage, Ok(())).await;
    assert!(polls.lock().unwrap()[0] >= Duration::from_secs(40), "b waited for what a was told");
    task_a.abort();
    task_b.abort();
}

/// The whole way from a source to a board, on a real store and a real keeper.
mod whole {
    use std::path::Path;

    use quarterdeck::{
        config::Config,
        domain::{record::DeployStatus, value::Status},
        engine::{Build, Built, Engine},
        kpi::board::{Board, Look},
    };

    use super::*;

    /// A source with one deployment a day for the ten days before the clock.
    struct Daily;

    impl Source for Daily {
        fn poll<'a>(&'a self, cursor: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>> {
            let done = !cursor.0.is_empty();
            Box::pin(async move {
                let records = (1..=10)
                    .map(|day| {
                        let at = now - chrono::Duration::days(day);
                        let body = Body::Deployment(Deployment {
                            status: DeployStatus::Success,
                            finished_at: Some(at),
                            sha: Some(format!("sha{day}")),
                            ..Deployment::default()
                        });
                        let mut record = Record::new("", format!("d{day}"), body);
                        record.service = Some("api".into());
                        record.env_tier = Some("production".into());
                        record
                    })
                    .collect();
                let records = if done { Vec::new() } else { records };
                let backfilled_from = Some(start() - chrono::Duration::days(100));
                Ok(Batch { records, cursor: Cursor("done".into()), backfilled_from, ..Batch::default() })
            })
        }
    }

    fn config(dir: &Path) -> Arc<Config> {
        let mut config = Config::zero(dir, "acme");
        config.sources[0].name = "ci".into();
        Arc::new(config)
    }

    fn engine(dir: &Path) -> Engine {
        let build: Build =
            Arc::new(|_| Ok(Built { source: Box::new(Daily), feeds: vec!["deployment".into()], every: Duration::from_secs(60) }));
        let fixed: Clock = Arc::new(start);
        Engine::start_with(config(dir), &dir.join("q.db"), Look::default(), fixed, build).unwrap()
    }

    async fn board(engine: &mut Engine, holds: impl Fn(&Board) -> bool) -> Arc<Board> {
        let found = engine.board.wait_for(|b| b.as_ref().is_some_and(|b| holds(b))).await.unwrap();
        found.clone().unwrap()
    }

    fn deployments(board: &Board) -> Option<f64> {
        board.readings["deployment_frequency.per_day"].number().map(|v| (v * 28.0).round())
    }

    #[tokio::test]
    async fn a_source_becomes_a_board_and_a_restart_shows_it_before_any_source_answers() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = engine(dir.path());
        let seen = board(&mut first, |b| deployments(b) == Some(10.0)).await;
        assert_eq!(seen.deployments.len(), 10);
        assert_eq!(seen.services.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["api"]);
        assert!(seen.unfed.contains("uptime") && !seen.unfed.contains("deployment_frequency.per_day"));
        drop(first);
        let mut again = engine(dir.path());
        let at_once = board(&mut again, |_| true).await;
        assert_eq!(deployments(&at_once), Some(10.0), "the first board comes from the store");
    }

    #[tokio::test]
    async fn a_second_monitor_on_one_store_reads_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = engine(dir.path());
        board(&mut writer, |b| deployments(b) == Some(10.0)).await;
        let mut reader = engine(dir.path());
        let notice = reader.notice.borrow().clone();
        assert!(notice.is_some(), "it says that it only reads");
        let seen = board(&mut reader, |b| deployments(b) == Some(10.0)).await;
        assert_eq!(seen.readings["deployment_frequency.per_day"].status, Status::Ok);
        let health = reader.health.wait_for(|h| h.iter().any(|s| s.status == SourceStatus::Off)).await.unwrap().clone();
        assert_eq!(health[0].name, "ci");
    }

    #[tokio::test]
    async fn looking_elsewhere_brings_a_board_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = engine(dir.path());
        board(&mut engine, |b| deployments(b) == Some(10.0)).await;
        let look = Look { focus: Some("deployment_frequency.per_day"), at: Some(start() - chrono::Duration::days(5)), ..Look::default() };
        engine.look(look.clone());
        let past = board(&mut engine, |b| b.look == look).await;
        assert_eq!(past.rows.len(), 5, "only what had happened by then");
    }
}
