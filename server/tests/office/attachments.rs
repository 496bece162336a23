//! Attachments over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use loket_core::attachment::token;
use loket_core::journal::{AttachmentHash, AuthorId, Partition};
use loket_server::config::now;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::http::{self, Answer};
use super::phone::Phone;
use super::{OTHER_VILLAGE, Office, PATIENCE, VILLAGE};

/// The attachment's address as one phone sees it.
struct Remote<'a> {
    at: SocketAddr,
    phone: &'a Phone,
    office: AuthorId,
    path: String,
}

impl<'a> Remote<'a> {
    fn new(office: &Office, phone: &'a Phone, place: &str, hash: &AttachmentHash) -> Self {
        let path = format!("/v1/attachments/{place}/{hash}");
        Remote { at: office.at(), phone, office: phone.office(), path }
    }

    fn headers(&self, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let token = token::make(&self.phone.key, &self.office, &self.path, now()).unwrap();
        [&[("Authorization", token)][..], more].concat()
    }

    async fn head(&self) -> Answer {
        http::send(self.at, "HEAD", &self.path, &self.headers(&[]), b"").await
    }

    async fn patch(&self, offset: u64, bytes: &[u8]) -> Answer {
        let headers = self.headers(&[("Upload-Offset", offset.to_string())]);
        http::send(self.at, "PATCH", &self.path, &headers, bytes).await
    }

    async fn get(&self, range: Option<&str>) -> Answer {
        let range = range.map(|range| ("Range", range.to_owned()));
        http::send(self.at, "GET", &self.path, &self.headers(range.as_slice()), b"").await
    }
}

fn scan() -> Vec<u8> {
    let mut bytes = vec![0; 300_000];
    blake3::Hasher::new().update(b"pindaian").finalize_xof().fill(&mut bytes);
    bytes
}

fn offset(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status, answer.header("Upload-Offset"), answer.header("Upload-Complete"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_arrives_in_pieces_and_is_told_to_everyone() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let scan = scan();
    let (_, hash) = phone.open("3312082002-26-0001-0001-A", &scan);
    let mut link = phone.sync(office.at()).await;
    let remote = Remote::new(&office, &phone, VILLAGE, &hash);
    let head = remote.head().await;
    assert_eq!(offset(&head), (200, Some("0"), Some("?0")));
    assert_eq!(head.header("Upload-Length"), Some("300000"));
    assert_eq!(remote.get(None).await.status, 404);
    assert_eq!(offset(&remote.patch(7, &scan[7..]).await), (409, Some("0"), None));
    assert_eq!(offset(&remote.patch(0, &scan[..100_000]).await), (204, Some("100000"), Some("?0")));
    assert_eq!(offset(&remote.patch(0, &scan).await), (409, Some("100000"), None));
    assert_eq!(remote.patch(100_000, &[&scan[100_000..], b"x"].concat()).await.status, 413);
    assert_eq!(offset(&remote.patch(100_000, &scan[100_000..]).await), (204, Some("300000"), Some("?1")));
    assert_eq!(offset(&remote.head().await), (200, Some("300000"), Some("?1")));
    assert_eq!(offset(&remote.patch(300_000, b"").await), (204, Some("300000"), Some("?1")));

    let whole = remote.get(None).await;
    assert!(whole.status == 200 && whole.body == scan);
    let part = remote.get(Some("bytes=65530-65545")).await;
    assert_eq!((part.status, &part.body[..]), (206, &scan[65_530..65_546]));
    assert_eq!(part.header("Content-Range"), Some("bytes 65530-65545/300000"));
    assert_eq!(remote.get(Some("bytes=300000-")).await.status, 416);

    let place: Partition = VILLAGE.parse().unwrap();
    let told = move |replica: &loket_core::replica::Replica<loket_core::store::memory::MemoryStore>| {
        replica.attachment(&place, &hash).unwrap().is_some_and(|row| row.at_office)
    };
    phone.until(&mut link, told).await;
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_cut_is_kept() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let scan = scan();
    let (_, hash) = phone.open("3312082002-26-0001-0002-A", &scan);
    phone.sync(office.at()).await;
    let remote = Remote::new(&office, &phone, VILLAGE, &hash);
    let headers = remote.headers(&[("Upload-Offset", "0".into())]);
    let mut line = http::begin(office.at(), "PATCH", &remote.path, &headers, scan.len()).await;
    line.write_all(&scan[..150_001]).await.unwrap();
    line.flush().await.unwrap();
    sleep(Duration::from_millis(200)).await;
    drop(line);
    let since = Instant::now();
    let kept = loop {
        let head = remote.head().await;
        let kept: usize = head.header("Upload-Offset").unwrap().parse().unwrap();
        if kept == 150_001 || since.elapsed() > PATIENCE {
            break kept;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(kept, 150_001);
    let rest = remote.patch(kept as u64, &scan[kept..]).await;
    assert_eq!(offset(&rest), (204, Some("300000"), Some("?1")));
    assert!(remote.get(None).await.body == scan);
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_bytes_do_not_count() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let scan = scan();
    let (_, hash) = phone.open("3312082002-26-0001-0003-A", &scan);
    phone.sync(office.at()).await;
    let remote = Remote::new(&office, &phone, VILLAGE, &hash);
    let mut damaged = scan.clone();
    damaged[150_000] ^= 1;
    assert_eq!(remote.patch(0, &damaged).await.status, 422);
    assert_eq!(offset(&remote.head().await), (200, Some("0"), Some("?0")));
    assert_eq!(offset(&remote.patch(0, &scan).await), (204, Some("300000"), Some("?1")));
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_damaged_uploads_none_counts() {
    const UPLOADS: usize = 10_000;
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let scan = scan()[..100].to_vec();
    let (_, hash) = phone.open("3312082002-26-0001-0003-A", &scan);
    phone.sync(office.at()).await;
    let remote = Remote::new(&office, &phone, VILLAGE, &hash);
    let mut bits = blake3::Hasher::new().update(b"rusak").finalize_xof();
    for upload in 0..UPLOADS {
        let mut random = [0; 4];
        bits.fill(&mut random);
        let mut damaged = scan.clone();
        damaged[usize::from(random[0]) % scan.len()] ^= random[1].max(1);
        // Whole, or in two parts.
        let cut = if upload % 3 == 0 { usize::from(random[2]) % scan.len() } else { 0 };
        if cut > 0 {
            assert_eq!(offset(&remote.patch(0, &damaged[..cut]).await).2, Some("?0"));
        }
        let answer = remote.patch(cut as u64, &damaged[cut..]).await;
        assert_eq!(answer.status, 422, "upload {upload}");
    }
    assert_eq!(offset(&remote.head().await), (200, Some("0"), Some("?0")));
    assert_eq!(remote.get(None).await.status, 404);
    assert_eq!(offset(&remote.patch(0, &scan).await), (204, Some("100"), Some("?1")));
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn knowing_a_hash_grants_nothing() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let mut neighbour = office.phone(2, OTHER_VILLAGE).await;
    let scan = scan();
    let (_, hash) = phone.open("3312082002-26-0001-0004-A", &scan);
    phone.sync(office.at()).await;
    let own = Remote::new(&office, &phone, VILLAGE, &hash);
    assert_eq!(own.patch(0, &scan).await.status, 204);
    let unknown = Remote::new(&office, &phone, VILLAGE, &AttachmentHash([7; 32])).head().await;
    assert_eq!(unknown.status, 404);
    for place in [VILLAGE, OTHER_VILLAGE, "kantor", "tidak-ada"] {
        let foreign = Remote::new(&office, &neighbour, place, &hash);
        assert_eq!(foreign.get(None).await.status, 404, "{place}");
        assert_eq!(foreign.head().await.status, 404, "{place}");
        assert_eq!(foreign.patch(0, &scan).await.status, 404, "{place}");
    }
    // Naming the hash in an entry of one's own does not give the bytes either.
    neighbour.open("3312082001-26-0001-0001-A", &scan);
    neighbour.sync(office.at()).await;
    let claimed = Remote::new(&office, &neighbour, OTHER_VILLAGE, &hash);
    assert_eq!(offset(&claimed.head().await), (200, Some("0"), Some("?0")));
    assert_eq!(claimed.get(None).await.status, 404);
    // Neither does a token for another path, or none.
    let other = Remote { path: format!("{}0", own.path), ..Remote::new(&office, &phone, VILLAGE, &hash) };
    let stolen = http::send(office.at(), "GET", &own.path, &other.headers(&[]), b"").await;
    assert_eq!(stolen.status, 404);
    assert_eq!(http::get(office.at(), &own.path).await.status, 404);
    office.server.stop().await.unwrap();
}
