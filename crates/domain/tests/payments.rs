//! Payments taken through any sequence of commands and processors' answers: after each decision the books say what the
//! objects say, to the cent.

mod support;

use domain::Versioned;
use domain::attempts::{self, Attempt};
use domain::payments::intent::Status;
use domain::payments::payment_intent::CaptureMethod;
use domain::payments::refund;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::conditions;
use support::one_payment::{Command, Saying, World, outcome};

fn commands() -> impl Strategy<Value = Vec<(Command, Vec<Saying>)>> {
    let amount = prop_oneof![Just(None), (-10i64..1_500).prop_map(Some), (998i64..1_003).prop_map(Some)];
    let command = prop_oneof![
        3 => Just(Command::Confirm),
        4 => (amount.clone(), any::<bool>())
            .prop_map(|(amount, more_to_come)| Command::Capture { amount, more_to_come }),
        2 => Just(Command::Cancel),
        1 => Just(Command::Wait),
        2 => (0i64..500).prop_map(|by| Command::Increment { by }),
        3 => amount.prop_map(|amount| Command::Refund { amount }),
    ];
    let saying = prop_oneof![
        6 => Just(Saying::Done),
        1 => Just(Saying::Declined),
        1 => Just(Saying::Action),
        1 => Just(Saying::Canceled),
        1 => Just(Saying::Unknown),
        1 => Just(Saying::Pending),
    ];
    prop::collection::vec((command, prop::collection::vec(saying, 1..4)), 1..12)
}

proptest! {
    #[test]
    fn the_books_say_what_the_objects_say(
        commands in commands(),
        manual in any::<bool>(),
        features in any::<bool>(),
    ) {
        let mut world = World::new(if manual { CaptureMethod::Manual } else { CaptureMethod::Automatic }, features);
        for (command, says) in &commands {
            world.carry_out(command, says);
            world.check();
        }
    }
}

/// A processor that declined to release an authorization which had run out was asked again each second, without end.
#[test]
fn what_has_run_out_is_released_whatever_the_processor_says() {
    for (waits, status) in [(false, Status::RequiresCapture), (true, Status::Canceled)] {
        let mut world = World::new(CaptureMethod::Manual, false);
        world.carry_out(&Command::Confirm, &[]);
        if waits {
            world.carry_out(&Command::Wait, &[]);
        }
        world.carry_out(&Command::Cancel, &[Saying::Declined]);
        world.check();
        assert_eq!(world.intent.status, status);
        assert_eq!(world.held.is_empty(), waits);
    }
}

/// An operation without an arm used to be recorded as final, and its money was never posted.
#[test]
fn an_operation_that_a_target_cannot_have_is_an_error() {
    let mut world = World::new(CaptureMethod::Automatic, false);
    world.carry_out(&Command::Confirm, &[]);
    let mut changes = world.changes();
    let mut charge = world.charge.clone().expect("a charge");
    let request = refund::Request { amount: None, reason: None, metadata: BTreeMap::new(), key: None };
    let (mut refund, attempt) = refund::begin(&mut changes, &mut charge, request).expect("a refund");
    for operation in [attempts::Operation::Sale, attempts::Operation::Void, attempts::Operation::Setup] {
        let mut wrong = Versioned::new(attempt.version, Attempt { operation, ..(*attempt).clone() });
        let applied = attempts::apply(
            &mut world.changes(),
            &mut wrong,
            &mut refund,
            &mut charge,
            &conditions(),
            &outcome(Saying::Done),
        );
        assert_eq!(applied, Err(attempts::Unexpected(operation)));
    }
}
