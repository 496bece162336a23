//! The interface for other systems: every address of its description with every token, and a system that works as a desk.

use std::collections::BTreeSet;
use std::fs;

use loket_tests::VILLAGE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::script::{Application, SERVICES, Town, items, text};

/// A system with a token.
struct System {
    runtime: Runtime,
    client: Client,
    url: String,
    token: String,
}

impl System {
    fn new(town: &Town, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, client: Client::new(), url: town.server.url().into(), token: token.into() }
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        reason: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        if let Some(reason) = reason {
            request = request.header("loket-reason", reason);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let said = answer.text().await.unwrap();
            (status, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{path}: {said}")))
        })
    }

    fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, None, None)
    }

    fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.ask(Method::POST, path, Some(body), None)
    }
}

fn staff(town: &Town, role: &str, region: Option<&str>) -> String {
    let mut args = vec!["staff", "add", "--role", role, "--name", "Sistem"];
    args.extend(region.iter().flat_map(|region| ["--partition", region]));
    text(&town.office.run(&args), "id").to_owned()
}

fn token(town: &Town, staff: &str, scopes: &[&str]) -> Value {
    let mut args = vec!["token", "add", "--as", staff, "--label", "Sistem uji", "--scope"];
    args.extend(scopes);
    town.office.run(&args)
}

fn system(town: &Town, role: &str, region: Option<&str>, scopes: &[&str]) -> System {
    let staff = staff(town, role, region);
    System::new(town, text(&token(town, &staff, scopes), "token"))
}

fn filed(town: &Town, service: &str) -> Application {
    let application = town.file(service, &town.variants(service)[0]);
    town.sync();
    town.sync();
    application
}

#[test]
fn the_description_names_every_address_and_scopes_hold() {
    let town = Town::new();
    let application = filed(&town, "ktp-el-hilang");
    let nobody = System::new(&town, "");
    let (status, description) = nobody.get("/v1/api/openapi.json");
    assert_eq!((status, text(&description, "openapi")), (StatusCode::OK, "3.1.0"));
    let paths = description["paths"].as_object().unwrap();
    let router = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../server/src/router.rs")).unwrap();
    let routed: BTreeSet<&str> = router.split('"').filter(|quoted| quoted.starts_with("/v1/api/")).collect();
    assert_eq!(routed, paths.keys().map(String::as_str).collect());

    let all = ["daftar", "baca", "tindak"];
    let holders: Vec<_> =
        all.iter().map(|scope| (*scope, system(&town, "front-office", None, &[scope]))).collect();
    let stranger = System::new(&town, &"a".repeat(52));
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(scope) = operation["x-scope"].as_str() else { continue };
            let path = path
                .replace("{service}", "ktp-el-hilang")
                .replace("{desk}", "front-office")
                .replace("{number}", &application.number)
                .replace("{act}", "tidak_ada");
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = operation.get("requestBody").map(|_| json!({}));
            let ask = |system: &System| system.ask(method.clone(), &path, body.as_ref(), None);
            for outside in [&nobody, &stranger] {
                let (status, said) = ask(outside);
                assert_eq!((status, text(&said, "code")), (StatusCode::UNAUTHORIZED, "token"), "{path}");
            }
            for (held, system) in &holders {
                let (status, said) = ask(system);
                let refused = status == StatusCode::FORBIDDEN && said["code"] == "lingkup";
                assert_eq!(refused, *held != scope, "{method} {path} with {held}: {status} {said}");
                let described = operation["responses"].get(status.as_str()).is_some();
                assert!(described, "{method} {path} answers {status}, which nobody described");
            }
        }
    }
}

#[test]
fn a_system_works_as_a_desk() {
    let town = Town::new();
    let plain = filed(&town, "ktp-el-hilang");
    let kept = filed(&town, SERVICES[8]);
    let clerk = staff(&town, "front-office", None);
    let given = token(&town, &clerk, &["daftar", "baca", "tindak"]);
    let front = System::new(&town, text(&given, "token"));
    let (_, queue) = front.get("/v1/api/queues/front-office");
    let waiting = |number: &str| items(&queue["waiting"]).iter().find(|one| one["number"] == number).cloned();
    assert_eq!(waiting(&plain.number).unwrap()["service"], "ktp-el-hilang");
    assert_eq!(waiting(&kept.number).unwrap()["service"], Value::Null, "nobody hears which service it is");
    assert_eq!(front.get("/v1/api/queues/kepala-dinas").0, StatusCode::NOT_FOUND);
    assert_eq!(front.get("/v1/api/services/ktp-el-hilang").1["service"], "ktp-el-hilang");

    // Found, read, acted on; refused in the rules' words.
    let (_, found) = front.post("/v1/api/search", &json!({ "nik": plain.person.nik() }));
    assert_eq!(found["found"][0]["number"], plain.number.as_str());
    let name = plain.person.name();
    let (_, found) = front.post("/v1/api/search", &json!({ "name": name }));
    assert_eq!(items(&found["found"]).len(), 1, "{found}");
    let page = format!("/v1/api/applications/{}", plain.number);
    let (_, shown) = front.get(&page);
    assert_eq!(text(&shown["fields"], "nik"), plain.person.nik());
    let (status, done) = front.post(&format!("{page}/acts/klaim_fo"), &json!({}));
    assert_eq!((status, text(&done["decision"], "state")), (StatusCode::OK, "DIVERIFIKASI_FO"), "{done}");
    let (status, refused) = front.post(&format!("{page}/acts/kembalikan_fo"), &json!({}));
    assert_eq!((status, text(&refused, "code")), (StatusCode::CONFLICT, "alasan_wajib"), "{refused}");
    let back = json!({ "params": { "sebab": "buram", "tanda.surat_kehilangan": "buram" } });
    let (_, done) = front.post(&format!("{page}/acts/kembalikan_fo"), &back);
    assert_eq!(text(&done["decision"], "state"), "DIKEMBALIKAN", "{done}");
    for odd in [json!([]), json!({ "param": {} }), json!("x")] {
        assert_eq!(front.post(&format!("{page}/acts/klaim_fo"), &odd).0, StatusCode::BAD_REQUEST, "{odd}");
    }

    // Need-to-know: with a reason, which is kept.
    let shut = format!("/v1/api/applications/{}", kept.number);
    let (status, said) = front.get(&shut);
    assert_eq!((status, text(&said, "code")), (StatusCode::FORBIDDEN, "alasan"));
    assert!(!said.to_string().contains(&kept.person.name()));
    let (status, _) = front.ask(Method::GET, &shut, None, Some("pencocokan data"));
    assert_eq!(status, StatusCode::OK);

    // Another region, another role, an ended token.
    let elsewhere = system(&town, "front-office", Some("33.12.09"), &["daftar", "baca"]);
    assert_eq!(elsewhere.get(&page).0, StatusCode::NOT_FOUND);
    assert!(items(&elsewhere.get("/v1/api/queues/front-office").1["waiting"]).is_empty());
    let (_, found) = elsewhere.post("/v1/api/search", &json!({ "nik": plain.person.nik() }));
    assert!(items(&found["found"]).is_empty(), "{found}");
    let village = system(&town, "operator-desa", Some(VILLAGE), &["baca"]);
    assert_eq!(village.get(&page).0, StatusCode::OK);
    town.office.run(&["token", "revoke", text(&given, "name")]);
    assert_eq!(front.get("/v1/api/services").0, StatusCode::UNAUTHORIZED);
    assert_eq!(items(&town.office.run(&["token", "list"])).len(), 2);
    let log = town.office.log();
    for secret in [plain.person.nik(), name, text(&given, "token").to_owned()] {
        assert!(!log.contains(&secret));
    }
}
