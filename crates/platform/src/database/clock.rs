//! The time of PostgreSQL, as this process knows it. All processes of one database have the same, however wrong the
//! clocks of their machines are.

use super::{Client, DatabaseConfig, DatabaseError, store, with_causes};
use crate::metrics;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use types::{Clock, Timestamp, Untrusted};

/// How far PostgreSQL's clock and the machine's own may be apart. One of them is wrong if they are further; which one
/// cannot be told, for after a fail-over it may be PostgreSQL's.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

const SYNCHRONISED_EVERY: Duration = Duration::from_secs(1);
/// The error of a time that was read is half of the round trip at most. Longer ones say too little.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
/// After so long without an answer a new connection is tried.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Without PostgreSQL's time for so long, the clock vouches for nothing.
const UNCONFIRMED_MAX: Duration = Duration::from_secs(60);
/// How often the time is asked for before the first answer has to be there.
const FIRST_TRIES: usize = 10;
/// PostgreSQL counts as answering for so long after it did.
const SILENT_MAX: Duration = Duration::from_secs(3);

/// PostgreSQL's time when it was read last, and what has passed since by the monotonic clock of this machine. Its wall
/// clock decides nothing: it is the witness with which the time has to agree.
pub struct DatabaseClock {
    wall: Arc<dyn Clock>,
    sample: RwLock<Sample>,
    /// When PostgreSQL answered last, however late; `None` after an error.
    answered: RwLock<Option<Instant>>,
}

/// What the time was at a moment of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Sample {
    time: Timestamp,
    at: Instant,
}

impl Sample {
    /// `time` was read between the two moments; `None` if they are too far apart.
    fn read(time: Timestamp, asked: Instant, answered: Instant) -> Option<Sample> {
        let round_trip = answered.duration_since(asked);
        (round_trip <= ROUND_TRIP_MAX).then(|| Sample { time, at: asked + round_trip / 2 })
    }

    fn now(&self) -> Timestamp {
        self.time.plus(self.at.elapsed())
    }
}

impl DatabaseClock {
    fn new(wall: Arc<dyn Clock>, sample: Sample) -> Self {
        DatabaseClock { wall, sample: RwLock::new(sample), answered: RwLock::new(Some(Instant::now())) }
    }

    /// Whether PostgreSQL has answered the last question for the time, and that not long ago.
    pub fn database_answers(&self) -> bool {
        let answered = *self.answered.read().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|at| at.elapsed() <= SILENT_MAX)
    }

    /// Reads the time, and goes on doing so each second, on a connection of its own, until the clock is dropped. `wall`
    /// is the witness.
    pub async fn start(config: DatabaseConfig, wall: Arc<dyn Clock>) -> Result<Arc<Self>, DatabaseError> {
        let mut source = Source { config, client: None };
        let clock = Arc::new(DatabaseClock::new(wall, source.first().await?));
        tokio::spawn(synchronise(Arc::downgrade(&clock), source));
        Ok(clock)
    }

    /// How far the machine's own clock is ahead, in milliseconds.
    pub fn skew_ms(&self) -> i64 {
        self.wall.now().millis().saturating_sub(self.now().millis())
    }

    fn sample(&self) -> Sample {
        *self.sample.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_answered(&self, answered: Option<Instant>) {
        *self.answered.write().unwrap_or_else(PoisonError::into_inner) = answered;
    }

    fn set(&self, sample: Sample) {
        *self.sample.write().unwrap_or_else(PoisonError::into_inner) = sample;
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        self.sample().now()
    }

    fn vouches_for(&self, time: Timestamp) -> Result<(), Untrusted> {
        if self.sample().at.elapsed() > UNCONFIRMED_MAX {
            Err(Untrusted::Unconfirmed)
        } else if u128::from(self.skew_ms().unsigned_abs()) > CLOCK_SKEW_MAX.as_millis() {
            Err(Untrusted::Disagrees)
        } else if time > self.now().plus(CLOCK_SKEW_MAX) {
            Err(Untrusted::FromTheFuture)
        } else {
            Ok(())
        }
    }
}

/// Keeps a clock right until it is dropped, and says when it stops and begins to be trusted.
async fn synchronise(kept: Weak<DatabaseClock>, mut source: Source) {
    let mut doubt: Option<Untrusted> = None;
    let mut answered = true;
    let mut failure = String::new();
    loop {
        let Some(clock) = kept.upgrade() else { return };
        metrics::clock_skew().set(clock.skew_ms() as f64 / 1000.0);
        let found = clock.vouches_for(clock.now()).err();
        match (doubt, found) {
            (None, Some(reason)) => tracing::error!(
                %reason,
                skew_ms = clock.skew_ms(),
                failure,
                "the clock cannot be trusted: nothing is written until it can"
            ),
            (Some(_), None) => tracing::info!(skew_ms = clock.skew_ms(), "the clock can be trusted again"),
            _ => {}
        }
        doubt = found;
        drop(clock);
        sleep(SYNCHRONISED_EVERY).await;
        let sample = source.sample().await;
        let Some(clock) = kept.upgrade() else { return };
        failure = match sample {
            Ok(Asked::Time(sample)) => {
                clock.set(sample);
                clock.set_answered(Some(Instant::now()));
                String::new()
            }
            Ok(Asked::Late) => {
                clock.set_answered(Some(Instant::now()));
                too_slow()
            }
            Ok(Asked::Nothing) => too_slow(),
            Err(error) => {
                clock.set_answered(None);
                with_causes(&error)
            }
        };
        let answers = clock.database_answers();
        match (answered, answers) {
            (true, false) => tracing::warn!(failure, "the database does not answer"),
            (false, true) => tracing::info!("the database answers again"),
            _ => {}
        }
        answered = answers;
    }
}

fn too_slow() -> String {
    format!("PostgreSQL takes more than {ROUND_TRIP_MAX:?} to say what time it is")
}

/// What came of a question for the time.
enum Asked {
    Time(Sample),
    /// An answer that took too long to say what time it is.
    Late,
    /// No answer.
    Nothing,
}

/// Where the time is read.
struct Source {
    config: DatabaseConfig,
    client: Option<Client>,
}

impl Source {
    async fn first(&mut self) -> Result<Sample, DatabaseError> {
        for _ in 0..FIRST_TRIES {
            if let Asked::Time(sample) = self.sample().await? {
                return Ok(sample);
            }
        }
        Err(DatabaseError::Unreachable(too_slow()))
    }

    /// Asks once. A connection that fails is replaced at the next time.
    async fn sample(&mut self) -> Result<Asked, DatabaseError> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.config.connect().await?,
        };
        let asked = Instant::now();
        let Ok(answer) = timeout(ANSWER_TIMEOUT, store::time(&client)).await else { return Ok(Asked::Nothing) };
        let sample = Sample::read(answer?, asked, Instant::now());
        self.client = Some(client);
        Ok(sample.map_or(Asked::Late, Asked::Time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const NOON: Timestamp = Timestamp::from_seconds(1_795_262_400);
    const DAY: Duration = Duration::from_secs(86_400);

    /// The machine's wall clock: it goes on with the monotonic clock, and can be set.
    struct Wall(Mutex<Sample>);

    impl Wall {
        fn set(&self, time: Timestamp) {
            *self.0.lock().unwrap() = Sample { time, at: Instant::now() };
        }
    }

    impl Clock for Wall {
        fn now(&self) -> Timestamp {
            self.0.lock().unwrap().now()
        }
    }

    fn at_noon() -> (DatabaseClock, Arc<Wall>) {
        let noon = Sample { time: NOON, at: Instant::now() };
        let wall = Arc::new(Wall(Mutex::new(noon)));
        (DatabaseClock::new(wall.clone(), noon), wall)
    }

    fn trusted(clock: &DatabaseClock) -> Result<(), Untrusted> {
        clock.vouches_for(clock.now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_jumps_moves_no_time_and_ends_the_trust_until_it_is_right_again() {
        let (clock, wall) = at_noon();
        tokio::time::advance(Duration::from_secs(30)).await;
        let now = NOON.plus(Duration::from_secs(30));
        assert_eq!((clock.now(), trusted(&clock)), (now, Ok(())));
        for wrong in [now.plus(2 * DAY), now.plus(Duration::from_millis(5_001)), Timestamp::from_seconds(0)] {
            wall.set(wrong);
            assert_eq!((clock.now(), trusted(&clock)), (now, Err(Untrusted::Disagrees)), "{}", wrong.date());
        }
        wall.set(now.plus(CLOCK_SKEW_MAX));
        assert_eq!(trusted(&clock), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_whose_clock_jumps_is_not_believed_and_what_was_decided_by_it_is_not_written() {
        let (clock, _) = at_noon();
        let now = Instant::now();
        clock.set(Sample::read(NOON.plus(2 * DAY), now, now).unwrap());
        let decided = clock.now();
        assert_eq!(trusted(&clock), Err(Untrusted::Disagrees));
        clock.set(Sample::read(NOON, now, now).unwrap());
        assert_eq!(trusted(&clock), Ok(()));
        assert_eq!(clock.vouches_for(decided), Err(Untrusted::FromTheFuture));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_was_not_confirmed_for_a_minute_is_not_trusted() {
        let (clock, _) = at_noon();
        tokio::time::advance(UNCONFIRMED_MAX).await;
        assert_eq!(trusted(&clock), Ok(()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(trusted(&clock), Err(Untrusted::Unconfirmed));
        let now = Instant::now();
        clock.set(Sample::read(clock.now(), now, now).unwrap());
        assert_eq!(trusted(&clock), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_of_a_time_is_half_of_the_round_trip_and_a_long_one_is_ignored() {
        let asked = Instant::now();
        tokio::time::advance(ROUND_TRIP_MAX).await;
        let sample = Sample::read(NOON, asked, Instant::now()).unwrap();
        assert_eq!(sample.now(), NOON.plus(ROUND_TRIP_MAX / 2));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(Sample::read(NOON, asked, Instant::now()).is_none());
    }
}
