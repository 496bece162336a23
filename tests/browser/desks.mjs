// Works at the console's desks in a real browser, as people do: signs in at each, looks at what waits, and does the
// straight act of every application until nothing waits anywhere. It knows no service: it reads the forms.
//
// usage: node desks.mjs PLAN.json, with
//   { url, shots: folder or null, staff: [{ id, role, password, code }], sendBack: number or null, cancel: number or null }
// A code is good for one sign-in. Answers on its last line: { done: [[role, number, act]], pages, sizes,
// addresses }.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const MOST_ROUNDS = 60;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 360, height: 740 };

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const done = [];
const sizes = {};
// Every address that was asked for: none of them names anybody.
const addresses = new Set();
let pages = 0;
// What was sent back waits for its officer's phone.
let sentBack = null;

const browser = await puppeteer.launch({
  executablePath: process.env.LOKET_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const desks = [];
  for (const one of plan.staff) desks.push(await signIn(one));
  if (plan.shots) for (const desk of desks) await tour(desk);
  const front = desks.find((desk) => desk.role === "front-office");
  if (plan.shots && front) await byKeyboardAlone(front);
  for (const desk of desks) await desk.page.setJavaScriptEnabled(false);
  const working = desks.filter(({ role }) => role !== "admin");
  let busy = true;
  for (let round = 0; busy; round++) {
    if (round === MOST_ROUNDS) throw new Error("the desks never come to an end");
    busy = false;
    for (const desk of working) busy = (await work(desk)) || busy;
  }
  console.log(JSON.stringify({ done, pages, sizes, addresses: [...addresses] }));
} finally {
  await browser.close();
}

async function signIn({ id, role, password, code }) {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.setViewport(WIDE);
  page.on("request", (request) => addresses.add(request.url()));
  page.on("pageerror", (error) => { throw error; });
  await page.goto(`${plan.url}/kantor`);
  if (plan.shots) await look(page, "masuk");
  await page.type("#petugas", id);
  await page.type("#sandi", password);
  await page.type("#kode", code);
  await press(page, "button.utama");
  // An administrator has no desk of their own and sees all.
  if (!page.url().endsWith(`/kantor/antrean/${role === "admin" ? "front-office" : role}`)) {
    throw new Error(`${role} did not get to its desk: ${await words(page, ".galat")}`);
  }
  return { role, page };
}

// Looks at a page at both widths, and asks whether everybody could use it.
async function look(page, name) {
  pages += 1;
  for (const [size, suffix] of [[WIDE, ""], [NARROW, "-hp"]]) {
    await page.setViewport(size);
    await page.screenshot({ path: `${plan.shots}/${name}${suffix}.png`, fullPage: true });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) throw new Error(`${name}${suffix} is ${over} dots too wide`);
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(); })()`);
    const bad = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
    if (bad.length) throw new Error(`${name}${suffix}: ${bad.map((one) => `${one.id} ${one.nodes[0].html}`)}`);
  }
  await page.setViewport(WIDE);
  sizes[name] = await page.evaluate(() => document.documentElement.outerHTML.length);
}

async function tour({ role, page }) {
  await look(page, `antrean-${role}`);
  if (role === "admin") {
    const names = ["angka", "kelola", "perangkat", "petugas", "katalog", "katalog/kia-baru/sms", "kalender", "loket",
      "wilayah", "retensi", "pembacaan", "ekspor", "blangko", "kiriman"];
    for (const name of names) {
      await page.goto(`${plan.url}/kantor/${name}`);
      await look(page, name.replaceAll("/", "-"));
    }
    await page.goto(`${plan.url}/kantor/perangkat`);
    await Promise.all([page.waitForNavigation(), page.click("tbody th a")]);
    await look(page, "isi-perangkat");
    await newVersion(page);
    return;
  }
  if (role === "operator-desa") await beginAtTheCounter(page);
  if (role === "operator-kecamatan") await keepBlanks(page);
  await queue(page, role);
  const [first] = await waiting(page);
  if (!first) return;
  await open(page, first, `berkas-${role}`);
  await look(page, `berkas-${role}`);
  if (role !== "front-office") return;
  const prints = await page.$$eval("a[href*='/cetak/']", (links) => links.map((link) => link.href));
  for (const address of prints) {
    await page.goto(address);
    await look(page, `cetak-${address.split("/").pop()}`);
    const torn = await page.$$eval(".cetakan img", (all) => all.filter((image) => !image.naturalWidth).length);
    if (torn) throw new Error(`${address} shows ${torn} pages that cannot be drawn`);
  }
  await page.goto(`${plan.url}/kantor/cari`);
  await look(page, "cari");
  await queue(page, role);
  const two = await waiting(page);
  await page.goto(`${plan.url}/kantor/berkas/${two[0]}/bandingkan/${two[1]}`);
  await look(page, "bandingkan");
}

// A service with other words is looked at, and not published.
async function newVersion(page) {
  await page.goto(`${plan.url}/kantor/katalog`);
  const file = await page.evaluate(async () => (await fetch("/kantor/katalog/kia-baru")).text());
  const path = `${plan.shots}/kia-baru.toml`;
  writeFileSync(path, file.replace('version = "2026.1"', 'version = "2026.2"').replace("KIA baru", "KIA yang baru"));
  await (await page.$("#berkas")).uploadFile(path);
  await press(page, "form[action='/kantor/katalog/periksa'] button");
  await look(page, "katalog-baru");
  await page.goto(`${plan.url}/kantor/petugas`);
  await press(page, "form[action='/kantor/petugas/akses'] button");
  await look(page, "petugas-akses");
}

// An officer without a phone begins a file, and leaves it there.
async function beginAtTheCounter(page) {
  await page.goto(`${plan.url}/kantor/baru`);
  await page.$eval("#layanan", (list) => { list.selectedIndex = 1; });
  await press(page, "main form button.utama");
  await look(page, "isi");
  await page.goto(`${plan.url}/kantor/baru`);
  await look(page, "baru");
}

async function keepBlanks(page) {
  await page.goto(`${plan.url}/kantor/blangko`);
  await page.type("#banyak", "100");
  await page.type("#alasan", "dari Dinas");
  await press(page, "form[action='/kantor/blangko/catat'] button");
  await look(page, "blangko-kecamatan");
  await Promise.all([page.waitForNavigation(), page.click("tbody a")]);
  await look(page, "buku-blangko");
}

// Looks at a page of a desk that works without script; who looks needs one.
async function lookAt(page, address, name) {
  await page.setJavaScriptEnabled(true);
  await page.goto(plan.url + address);
  await look(page, name);
  await page.setJavaScriptEnabled(false);
  await page.goto(plan.url + address);
}

// What waits to be sent goes as shipments.
async function ship({ role, page }) {
  await page.goto(`${plan.url}/kantor/kiriman`);
  const ready = "form[action='/kantor/kiriman/kirim'] button";
  let any = false;
  while (await page.$(ready)) {
    if (plan.shots && !any) await lookAt(page, "/kantor/kiriman", "kiriman-siap");
    await press(page, ready);
    const refused = await words(page, ".galat");
    if (refused) throw new Error(`${role}, shipment: ${refused}`);
    if (plan.shots && !any) {
      const own = new URL(page.url()).pathname;
      await lookAt(page, own, "satu-kiriman");
      await lookAt(page, `${own}/cetak`, "cetak-kiriman");
    }
    done.push([role, "", "kirim"]);
    any = true;
    await page.goto(`${plan.url}/kantor/kiriman`);
  }
  return any;
}

// The Front Office takes its first application without touching the mouse.
async function byKeyboardAlone({ role, page }) {
  await queue(page, role);
  await tabTo(page, "tbody th a");
  const number = await page.evaluate(() => document.activeElement.textContent.trim());
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await tabTo(page, "details.tindakan button.utama");
  const action = await page.evaluate(() => document.activeElement.form.action);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  done.push([role, number, action.split("/").pop()]);
}

async function tabTo(page, selector) {
  for (let n = 0; n < 100; n++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`${selector} cannot be reached by keyboard`);
}

// Does one act on everything that waits here; says whether anything did.
async function work({ role, page }) {
  let any = role === "operator-kecamatan" && (await ship({ role, page }));
  await queue(page, role);
  for (const number of await waiting(page)) {
    if (number === sentBack) continue;
    await open(page, number, null);
    const act = await choose(page, number);
    if (!act) throw new Error(`${role} can do nothing with ${number}, which waits there`);
    await fill(page, act);
    await press(page, `form[action="${act}"] button`);
    const refused = await words(page, ".galat");
    if (refused) throw new Error(`${role}, ${number}, ${act}: ${refused}`);
    done.push([role, number, act.split("/").pop()]);
    any = true;
  }
  return any;
}

async function queue(page, role) {
  await page.goto(`${plan.url}/kantor/antrean/${role}`);
}

function waiting(page) {
  return page.$$eval("tbody th a", (links) => links.map((link) => link.textContent.trim()));
}

// Opens an application; one that is kept shut, with a reason.
async function open(page, number, shot) {
  await page.goto(`${plan.url}/kantor/berkas/${number}`);
  if (await page.$("form[action$='/buka']")) {
    if (shot) await look(page, "buka");
    await page.type("#alasan", "giliran meja ini");
    await press(page, "form[action$='/buka'] button");
  }
}

// The form of the act that is to be done: back or off where the plan says so, else the straight way.
async function choose(page, number) {
  const forms = await page.$$eval("details.tindakan form", (all) => all.map((form) => ({
    action: form.getAttribute("action"),
    marks: !!form.querySelector("[name^='isi.tanda.']"),
  })));
  const act = ({ action }) => action.split("/").pop();
  if (number === plan.sendBack) {
    const back = forms.find(({ marks }) => marks);
    if (back) {
      [sentBack, plan.sendBack] = [number, null];
      return back.action;
    }
  }
  if (number === plan.cancel) {
    const off = forms.find((form) => act(form).startsWith("batal"));
    if (off) return off.action;
  }
  return forms[0]?.action;
}

// Tells an act what it asks: of choices the first, of the rest what its kind of control holds.
async function fill(page, action) {
  await page.$eval(`form[action="${action}"]`, (form) => {
    form.closest("details").open = true;
    const said = { date: "2026-11-27", number: "1", tel: "081200000001" };
    let marked = false;
    for (const control of form.elements) {
      const mark = control.name.startsWith("isi.tanda.") && !marked;
      if (!control.required && !mark && control.name !== "isi.sebab") continue;
      if (mark) marked = true;
      if (control.tagName === "SELECT") control.selectedIndex = 1;
      // What a desk begins with stands there already.
      else if (control.value) continue;
      else control.value = said[control.type] ?? "AB1234567";
    }
  });
}

async function press(page, selector) {
  await Promise.all([page.waitForNavigation(), page.$eval(selector, (button) => button.click())]);
}

async function words(page, selector) {
  return (await page.$(selector)) && page.$eval(selector, (at) => at.textContent.trim());
}
