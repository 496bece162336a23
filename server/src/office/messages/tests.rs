//! Where a message stands, whatever the gateway says and whenever the office ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use loket_core::catalogue::Role;
use loket_core::replica::write::{Author, Dice, text};

use super::super::desk::DeskAct;
use super::super::look::Look;
use super::super::tests::{NOW, World, dice_of, open_many};
use super::super::verify::verify;
use super::*;

const VILLAGE: &str = "33.12.08.2002";
const WAIT: i64 = 600;
const NONE: [Token; 0] = [];

fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

/// An office with one message that is due.
struct Post {
    world: World,
    application: EntryHash,
}

impl Post {
    fn new() -> Self {
        let mut world = World::new();
        let mut phone = world.phone(1, Role::OperatorDesa, &[VILLAGE]);
        world.sync(&mut phone);
        open_many(&mut phone, 1);
        world.sync(&mut phone);
        let application = phone.replica.list(&phone.author().signer.public_key().author()).unwrap()[0].id;
        let case = phone.replica.case(&village(), &application).unwrap();
        let author = Author { signer: &phone.key, epoch: phone.epoch };
        let rest = vec![text("asal_pindah", "dalam_kabupaten")];
        phone
            .replica
            .transaction(|replica| {
                replica.edit(&author, case, rest, NOW, &mut dice_of(5))?;
                replica.seal(&author, village())
            })
            .unwrap();
        world.sync(&mut phone);
        world.scans_arrive(&[application]);
        let mut post = Post { world, application };
        post.act(Role::OperatorDesa, "ajukan", &[]);
        post.act(Role::FrontOffice, "klaim_fo", &[]);
        post.act(Role::FrontOffice, "kembalikan_fo", &[("sebab", "foto_tidak_terbaca")]);
        post
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(
            &mut Office<loket_core::store::memory::MemoryStore>,
            &mut Dice<'_>,
        ) -> Result<T, ReplicaError>,
    ) -> T {
        let dice = &mut *self.world.dice;
        self.world.office.write(|office| work(office, dice)).unwrap().0
    }

    fn act(&mut self, role: Role, act: &str, params: &[(&str, &str)]) {
        let id = self.application;
        let staff = self.write(|office, _| office.add_staff(role, "Sulastri", &[]));
        let params = params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let act = DeskAct { act: act.to_owned(), staff, reason: None, params };
        self.write(|office, dice| {
            office
                .act(&village(), &id, act, NOW, dice)
                .map_err(|error| ReplicaError::refused(error.to_string()))
        });
    }

    fn begin(&mut self, now: i64) -> Vec<Token> {
        let begun = self.write(|office, dice| office.begin_attempts(WAIT, 9, now, dice));
        begun.into_iter().map(|attempt| attempt.token).collect()
    }

    fn hear(&mut self, token: &Token, news: News, now: i64) {
        self.write(|office, dice| office.hear(token, news, WAIT, now, dice));
    }

    fn overdue(&mut self, now: i64) {
        self.write(|office, dice| office.overdue(9, now, dice));
    }

    fn due(&self, now: i64) -> (bool, bool) {
        self.world.office.replica.messages_due(now).unwrap()
    }

    fn message(&self) -> Message {
        let store = &self.world.office.replica.store;
        let rows = store.scan(&village(), Table::Job, MESSAGE, None, 9).unwrap();
        assert_eq!(rows.len(), 1);
        rows::decode(&rows[0].1).unwrap()
    }

    fn standing(&self) -> Standing {
        self.message().standing
    }

    /// Notifications that somebody has to call about.
    fn tasks(&self) -> Vec<(String, bool)> {
        let case = self.world.office.replica.case(&village(), &self.application).unwrap();
        let open = case.state().unwrap().unreached;
        open.into_iter().map(|one| (one.id, one.doubtful)).collect()
    }

    fn sound(&self) {
        let verified = verify(&self.world.office.replica).unwrap();
        assert!(verified.faults.is_empty(), "{:?}", verified.faults);
    }
}

fn later() -> News {
    News::Later("gateway tidak dapat dihubungi".into())
}

#[test]
fn a_message_is_begun_once_and_arrives() {
    let mut post = Post::new();
    let message = post.message();
    assert!(
        message.text.contains("foto berkas tidak terbaca") && message.to.starts_with("+62812"),
        "{message:?}"
    );
    assert_eq!(post.due(NOW), (true, false));
    let [token] = post.begin(NOW)[..] else { panic!("one message") };
    assert_eq!(post.begin(NOW), NONE, "while it is being sent nobody else sends it");
    assert_eq!((post.standing(), post.due(NOW)), (Standing::Mengirim, (false, false)));
    post.hear(&token, News::Taken, NOW + 1);
    assert_eq!(post.standing(), Standing::DiGateway);
    post.hear(&token, News::Sent, NOW + 2);
    post.hear(&token, News::Taken, NOW + 3);
    assert_eq!((post.standing(), post.message().since), (Standing::Terkirim, NOW + 2));
    post.hear(&token, News::Arrived, NOW + 9);
    post.hear(&token, News::Failed("terlambat".into()), NOW + 10);
    assert_eq!((post.standing(), post.tasks()), (Standing::Sampai, vec![]));
    assert_eq!(post.due(i64::MAX), (false, false), "nothing is left to do");
    post.sound();
}

#[test]
fn what_was_not_taken_is_tried_again_ever_more_seldom_and_given_up_when_it_is_old() {
    let mut post = Post::new();
    let mut now = NOW;
    for pause in [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        let [token] = post.begin(now)[..] else { panic!("due at {now}") };
        post.hear(&token, later(), now);
        assert_eq!(post.begin(now + pause - 1), NONE);
        now += pause;
    }
    assert_eq!(post.message().attempts, 10);
    assert_eq!(post.begin(NOW + MAX_AGE + 1), NONE);
    assert_eq!((post.standing(), post.tasks()), (Standing::Gagal, vec![("N2".into(), false)]));
    assert_eq!(post.message().cause.unwrap(), "menunggu terlalu lama");
    post.sound();
}

#[test]
fn an_attempt_whose_end_nobody_saw_is_not_repeated_unless_the_gateway_knows_nothing_of_it() {
    let mut post = Post::new();
    let [token] = post.begin(NOW)[..] else { panic!("one message") };
    // The office ends and begins again.
    assert_eq!(post.write(|office, _| office.doubt_attempts(NOW + 5)), 1);
    assert_eq!((post.standing(), post.begin(NOW + 9)), (Standing::Ditanyakan, vec![]));
    post.hear(&token, News::Unknown, NOW + 10);
    assert_eq!(post.begin(NOW + 10), [token], "the same message under the same name");
    post.hear(&token, News::Unclear, NOW + 11);
    assert_eq!(post.begin(NOW + 99), NONE);
    post.overdue(NOW + 11 + WAIT - 1);
    assert_eq!(post.standing(), Standing::Ditanyakan);
    post.overdue(NOW + 11 + WAIT);
    assert_eq!((post.standing(), post.tasks()), (Standing::TidakPasti, vec![("N2".into(), true)]));
    assert_eq!(post.due(i64::MAX), (false, false), "people do the rest");
    // A report comes after all.
    post.hear(&token, News::Sent, NOW + 9999);
    assert_eq!((post.standing(), post.tasks()), (Standing::Terkirim, vec![]));
    post.overdue(NOW + 9999 + ARRIVAL);
    assert_eq!((post.standing(), post.due(i64::MAX)), (Standing::Terkirim, (false, false)));
    post.sound();
}

#[test]
fn what_the_gateway_gave_up_or_lost_is_a_task() {
    for (news, standing, doubtful) in [
        (News::Refused("nomor tidak sah".into()), Standing::Gagal, false),
        (News::Failed("tidak sampai".into()), Standing::Gagal, false),
        (News::Lost, Standing::TidakPasti, true),
    ] {
        let mut post = Post::new();
        let [token] = post.begin(NOW)[..] else { panic!("one message") };
        post.hear(&token, news, NOW);
        assert_eq!((post.standing(), post.tasks()), (standing, vec![("N2".into(), doubtful)]));
        post.act(Role::OperatorDesa, "dihubungi", &[]);
        assert_eq!(post.tasks(), []);
        post.sound();
    }
}

#[test]
fn after_a_restore_the_gateway_is_asked_first() {
    let mut post = Post::new();
    post.write(|office, dice| office.begin_anew(NOW + 100, dice));
    assert_eq!(post.begin(NOW + 101), NONE, "the copy does not know what was sent after it was made");
    assert_eq!(post.standing(), Standing::Ditanyakan);
    let token = post.world.office.replica.messages_out(9).unwrap()[0].0;
    // A task can be written down once the partition is healed.
    post.overdue(NOW + 101 + WAIT);
    assert_eq!((post.standing(), post.tasks()), (Standing::Ditanyakan, vec![]));
    post.hear(&token, News::Unknown, NOW + 1000);
    assert_eq!(post.begin(NOW + 1000), [token]);
}

#[test]
fn messages_go_with_their_application() {
    let mut post = Post::new();
    let [token] = post.begin(NOW)[..] else { panic!("one message") };
    let id = post.application;
    post.write(|office, _| office.drop_messages(&village(), &id));
    let store = &post.world.office.replica.store;
    assert!(store.scan(&village(), Table::Job, b"sms", None, 9).unwrap().is_empty());
    assert!(store.scan(&Partition::Office, Table::Job, b"sms", None, 9).unwrap().is_empty());
    post.hear(&token, News::Arrived, NOW);
    assert_eq!(post.begin(NOW), NONE);
}
