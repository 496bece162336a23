//! What may be done now, and what each act has to be told: what phone and console show as buttons.

use crate::catalogue::{ActKind, Guard, Kind, Need, OutcomeKind, Role, Service};

use super::moves::{self, Move, NEED_OLD_CARD};
use super::state::State;

/// Parameter that is the reason in free words, as `--reason` is.
pub const NEED_FREE_REASON: &str = "alasan";
/// The need under which a listed reason is chosen.
pub const NEED_REASON: &str = "sebab";

/// Whether an act asks for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonNeed {
    /// Not asked (one given is recorded).
    None,
    /// Asked, and may stay empty.
    Optional,
    /// Refused without: free words, a listed reason (`sebab`) where there are any, or for a return a mark.
    Required,
}

/// An act that a role may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// The act, as `decide` takes it.
    pub act: String,
    /// Label for people.
    pub label: String,
    /// The role that may do it.
    pub role: Role,
    /// What kind of act; for another way out, that of its step.
    pub kind: ActKind,
    /// How it leaves the line; none for the straight way.
    pub outcome: Option<OutcomeKind>,
    /// What it has to be told.
    pub needs: Vec<Need>,
    /// Whether it asks for a reason.
    pub reason: ReasonNeed,
}

/// What this role may do in this state, in the file's order: the straight way first. A step whose guards the
/// state itself fails is left out; four eyes and the old card depend on who acts and what they say, so `decide`
/// looks at those.
pub fn available(service: &Service, state: &State, role: Role) -> Vec<Available> {
    open_moves(service, state)
        .into_iter()
        .filter(|way| way.roles().contains(&role))
        .map(|way| describe(service, &way, role))
        .collect()
}

/// What anybody may do in this state: one line per act and role, the usual role first.
pub fn available_all(service: &Service, state: &State) -> Vec<Available> {
    open_moves(service, state)
        .into_iter()
        .flat_map(|way| way.roles().iter().map(move |role| (way, *role)))
        .map(|(way, role)| describe(service, &way, role))
        .collect()
}

/// Makes offers ask for the old card exactly where the act is refused without it: `applies` tells whether this
/// application has one to surrender, which its variant and conditions decide and not the state.
pub fn with_old_card(
    service: &Service,
    state: &State,
    applies: bool,
    mut offers: Vec<Available>,
) -> Vec<Available> {
    let asked = |act: &str| {
        let known = moves::known(service, act);
        known.iter().any(|way| moves::guards(service, way).contains(&Guard::OldCard))
    };
    for offer in offers.iter_mut().filter(|offer| asked(&offer.act)) {
        for need in offer.needs.iter_mut().filter(|need| need.id == NEED_OLD_CARD) {
            need.required = applies && !state.old_card;
        }
    }
    offers
}

fn free_reason() -> Need {
    Need {
        id: NEED_FREE_REASON.to_owned(),
        label: "Alasan".to_owned(),
        kind: Kind::Catatan,
        options: Vec::new(),
        many: false,
        required: true,
    }
}

fn open_moves<'a>(service: &'a Service, state: &State) -> Vec<Move<'a>> {
    let open = |way: &Move<'_>| {
        moves::guards(service, way).iter().all(|guard| match guard {
            Guard::Done(act) => state.done.contains_key(act),
            Guard::PapersReceived => moves::papers_there(service, state),
            Guard::CardAtPickup => moves::card_at_pickup(service, state),
            Guard::OtherPerson(_) | Guard::OldCard => true,
        })
    };
    moves::moves(service, state).into_iter().filter(open).collect()
}

fn describe(service: &Service, way: &Move<'_>, role: Role) -> Available {
    let mut needs = way.needs(service);
    if way.reason() == ReasonNeed::Required {
        // Several things are a reason; who asks what an act needs is told of one that always is.
        match needs.iter_mut().find(|need| need.id == NEED_REASON) {
            Some(need) => need.required = true,
            None => needs.push(free_reason()),
        }
    }
    Available {
        act: way.act().to_owned(),
        label: way.label().to_owned(),
        role,
        kind: way.kind(),
        outcome: way.outcome(),
        needs,
        reason: way.reason(),
    }
}
