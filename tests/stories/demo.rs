//! The demonstration: told to its end, with the office still there afterwards.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use loket_tests::{Running, eventually, program};

/// The longest that the story may take on a busy machine.
const STORY: Duration = Duration::from_secs(240);

#[test]
fn the_demonstration_comes_true_and_goes_on_serving() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let office = folder.path().join("kantor");
    let mut command = Command::new("sh");
    command.arg("-c").arg(r#"exec "$0" --dir "$1" demo > "$2""#).args([
        program("loket").as_os_str(),
        office.as_os_str(),
        told.as_os_str(),
    ]);
    let mut running = Running::start(command);
    let address = eventually("the demonstration's last line", STORY, || {
        assert!(running.runs(), "it ended early: {}", fs::read_to_string(&told).unwrap_or_default());
        let story = fs::read_to_string(&told).ok()?;
        story.lines().last()?.strip_prefix("http://").filter(|_| story.ends_with('\n')).map(str::to_owned)
    });
    assert!(TcpStream::connect(&address).is_ok(), "nobody listens at {address}");
    let story = fs::read_to_string(&told).unwrap();
    // Nine services, three of them in two variants or filed again, each to the applicant's hand.
    assert_eq!(story.matches("→ DIAMBIL").count(), 13, "{story}");
    assert!(story.contains("dikembalikan") && story.contains("Dibatalkan"), "{story}");
    assert!(running.runs());
    let ended = running.kill();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
