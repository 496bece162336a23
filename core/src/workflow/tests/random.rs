//! Random wishes: whatever is asked, the state moves only by acts that were offered.

use proptest::prelude::*;

use super::*;

/// One thing that happens: which act, by whom, told what.
#[derive(Debug, Clone)]
struct Step {
    act: usize,
    role: usize,
    who: u32,
    filled: bool,
    fact: bool,
    place_ok: bool,
    edited: bool,
    attachments: bool,
    arrival: bool,
    junk: Vec<(String, String)>,
    reason: Option<String>,
    after: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.9),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let junk = prop::collection::vec(("[a-z_.]{0,12}", "\\PC{0,12}"), 0..3);
    (0..64usize, 0..10usize, 0..3u32, flags, junk, prop::option::of("\\PC{0,20}"), -100..100_000i64).prop_map(
        |(act, role, who, (filled, fact, place_ok, edited, attachments, arrival), junk, reason, after)| {
            Step { act, role, who, filled, fact, place_ok, edited, attachments, arrival, junk, reason, after }
        },
    )
}

/// Mostly what is offered, so that runs get far; else any act by any role.
fn wish(case: &Case, step: &Step) -> Wish {
    let offers = case.offers();
    let mut wish = match offers.get(step.act) {
        Some(offer) if step.filled => fill(offer),
        _ => {
            let acts = case.service.steps.iter().map(|step| step.act.as_str());
            let acts: Vec<_> =
                acts.chain(["kembalikan_fo", "cetak_ulang", "batalkan", "kirim_berkas", "?"]).collect();
            bare(acts[step.act % acts.len()], Role::ALL[step.role])
        }
    };
    wish.params.extend(step.junk.clone());
    wish.actor.who = if step.who == 0 { wish.actor.who } else { Who::Staff(step.who) };
    wish.reason = step.reason.clone().or(wish.reason);
    Wish { fact: step.fact, place_ok: step.place_ok, ..wish }
}

fn run(case: &mut Case, step: &Step) {
    case.edits = case.edits.wrapping_add(u8::from(step.edited));
    case.attachments_complete = step.attachments;
    case.now += step.after;
    let before = case.state.clone();
    let wish = wish(case, step);
    let offered =
        available(&case.service, &before, wish.actor.role).iter().any(|offer| offer.act == wish.act);
    let decision = case.ask(|view| answer(view, &wish, case.now)).unwrap();
    let done = decision.kind == Event::Done;
    assert!(!done || offered && wish.place_ok, "{} at {}", wish.act, before.code);
    if matches!(decision.kind, Event::Contradiction(_)) {
        assert!(wish.fact);
    }
    let read: Decision = minicbor::decode(&crate::journal::encode(&decision)).unwrap();
    assert_eq!(read, decision);
    case.push(decision);
    if !done {
        assert_eq!(
            State { contradictions: 0, ..case.state.clone() },
            State { contradictions: 0, ..before.clone() }
        );
    }
    if before.fin {
        assert_eq!((&case.state.code, &case.state.passed), (&before.code, &before.passed));
    }
    if step.arrival
        && let Some(arrival) = case.ask(|view| complete(view, wish.actor, case.now))
    {
        case.push(arrival);
        assert!(case.state.complete);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn only_offered_acts_move_an_application(which in 0..10usize, steps in prop::collection::vec(step(), 1..60)) {
        let all: Vec<Service> = services().into_iter().chain([fixture()]).collect();
        let mut case = Case::new(all[which % all.len()].clone());
        for step in &steps {
            run(&mut case, step);
        }
        prop_assert_eq!(&state(&case.service, &case.record), &case.state);
        let due = notifications(&case.service, &case.record);
        for (i, one) in due.iter().enumerate() {
            for other in &due[i + 1..] {
                prop_assert!((&one.id, &one.event, one.revision) != (&other.id, &other.event, other.revision));
            }
        }
        clock(&case.service, &case.state, &Calendar::default(), case.now);
    }

    #[test]
    fn any_record_folds(order in prop::collection::vec((0..40usize, 0..4u32, any::<bool>()), 0..60)) {
        let mut case = Case::new(fixture());
        case.act("ajukan").act("kembalikan_fo");
        case.edits += 1;
        case.until("serah").act("cetak_ulang").until("");
        let record: Vec<Decision> = order
            .iter()
            .map(|(index, revision, complete)| {
                let decision = case.record[index % case.record.len()].clone();
                let kind = if *revision == 3 { Event::Complete } else { decision.kind };
                Decision { revision: *revision, kind, complete: *complete, ..decision }
            })
            .collect();
        let folded = state(&case.service, &record);
        prop_assert_eq!(&folded, &state(&case.service, &record));
        // A fold can be taken up where it stopped.
        let (head, tail) = record.split_at(record.len() / 2);
        let mut resumed = state(&case.service, head);
        tail.iter().for_each(|decision| { apply(&case.service, &mut resumed, decision); });
        prop_assert_eq!(folded, resumed);
    }
}
