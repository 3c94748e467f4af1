//! Two processes never ask about the same attempt at the same time, however slow the ledger is.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use api::Api;
use api::worker::Worker;
use async_trait::async_trait;
use domain::attempts::{CLOCK_SKEW, Outcome, QUESTION};
use processors::sandbox::Sandbox;
use processors::{Assignment, Query};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use support::staged::{Play, Staged, done};
use support::{World, body};
use testkit::ManualClock;

/// A processor that takes all the time that it may, while another process looks for work.
#[derive(Default)]
struct Recorder {
    clock: OnceLock<Arc<ManualClock>>,
    other: OnceLock<Arc<Api>>,
    is_asked: AtomicBool,
    /// What the processor has been asked: to carry it out, and what became of it.
    executed: AtomicUsize,
    queried: AtomicUsize,
    overlaps: AtomicUsize,
}

impl Recorder {
    /// Time passes, and the other process works.
    async fn pass(&self, time: Duration) {
        const STEP: Duration = Duration::from_secs(5);
        for _ in 0..time.as_secs() / STEP.as_secs() {
            self.clock.get().unwrap().advance(STEP);
            if let Some(other) = self.other.get() {
                Worker::default().round(other).await;
            }
        }
    }

    async fn ask(&self) {
        if self.is_asked.swap(true, Ordering::SeqCst) {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        } else {
            self.pass(QUESTION).await;
        }
        self.is_asked.store(false, Ordering::SeqCst);
    }

    fn count(&self, what: &AtomicUsize) -> usize {
        what.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Play for Arc<Recorder> {
    async fn execute(&self, _: &Sandbox, _: Assignment<'_>) -> Outcome {
        self.executed.fetch_add(1, Ordering::SeqCst);
        self.ask().await;
        done()
    }

    async fn query(&self, _: &Sandbox, _: Assignment<'_>) -> Query {
        self.queried.fetch_add(1, Ordering::SeqCst);
        self.ask().await;
        if self.count(&self.executed) > 0 { Query::Known(done()) } else { Query::NotFound }
    }
}

fn world() -> (World, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let world = World::of(|clock| {
        recorder.clock.set(clock.clone()).unwrap();
        Staged::new(recorder.clone(), clock)
    });
    (world, recorder)
}

fn slow_down(world: &World, recorder: &Arc<Recorder>, commit: Duration) {
    let recorder = recorder.clone();
    world.ledger.slow_down(move || {
        let recorder = recorder.clone();
        async move { recorder.pass(commit).await }
    });
}

/// The lease was over when the commit was written: the payment was not made, or two processes made it.
#[tokio::test]
async fn a_payment_is_made_by_one_process_however_slow_its_commits_are() {
    for commit in [0, 20, 40, 60, 90, 150] {
        for ahead in [Duration::ZERO, CLOCK_SKEW] {
            let (world, recorder) = world();
            recorder.other.set(world.another_process(ahead)).ok().unwrap();
            slow_down(&world, &recorder, Duration::from_secs(commit));
            world.pay("pm_card_visa", "").await;
            assert_eq!(recorder.count(&recorder.overlaps), 0, "{commit} s, {ahead:?}");
            assert_eq!(recorder.count(&recorder.executed), 1, "{commit} s, {ahead:?}");
            recorder.pass(Duration::from_secs(300)).await;
            let list = body(&world.get("/v1/payment_intents", &[], "").await);
            assert_eq!(list["data"][0]["status"], "succeeded", "{commit} s, {ahead:?}: {list}");
            assert_eq!(world.balance("assets/processor").await, -2000);
        }
    }
}

/// A slow ledger alone does not keep a payment from being made by the request.
#[tokio::test]
async fn a_request_whose_lease_is_used_up_renews_it() {
    for commit in [40, 90, 150] {
        let (world, recorder) = world();
        slow_down(&world, &recorder, Duration::from_secs(commit));
        let paid = body(&world.pay("pm_card_visa", "").await);
        assert_eq!(paid["status"], "succeeded", "{commit} s: {paid}");
        assert_eq!((recorder.count(&recorder.executed), recorder.count(&recorder.queried)), (1, 0));
    }
}

/// The process that began it has died: the question and what follows from it are the lease's too.
#[tokio::test]
async fn asking_and_carrying_out_are_one_process_too() {
    for commit in [0, 20, 35, 60] {
        let (world, recorder) = world();
        world.ledger.break_at_next_commit();
        recorder.is_asked.store(true, Ordering::SeqCst);
        world.pay("pm_card_visa", "").await;
        world.ledger.repair();
        let (executed, overlaps) = (recorder.count(&recorder.executed), recorder.count(&recorder.overlaps));
        recorder.executed.store(0, Ordering::SeqCst);
        assert_eq!((executed, overlaps), (1, 1), "the first question is lost");

        recorder.overlaps.store(0, Ordering::SeqCst);
        recorder.other.set(world.another_process(CLOCK_SKEW)).ok().unwrap();
        // The other process looks for work while the processor is asked, so that this one is the first.
        let clock = world.clock.clone();
        world.ledger.slow_down(move || {
            clock.advance(Duration::from_secs(commit));
            std::future::ready(())
        });
        world.work(61).await;
        assert_eq!(recorder.count(&recorder.overlaps), 0, "{commit} s");
        assert!(recorder.count(&recorder.queried) > 0, "{commit} s");
        recorder.pass(Duration::from_secs(300)).await;
        assert_eq!(recorder.count(&recorder.executed), 1, "{commit} s");
        assert_eq!(world.balance("assets/processor").await, -2000);
    }
}
