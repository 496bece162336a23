// Everything here is a comfort: pages say and do the same without it.
"use strict";

// A queue that is open stays up to date, unless somebody is choosing in it.
const queue = document.getElementById("antrean");
if (queue && window.EventSource) {
  let first = true;
  const renew = async () => {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["#antrean", ".jumlah", ".meja"]) {
      const [old, now] = [document.querySelector(part), page.querySelector(part)];
      if (old && now) old.replaceChildren(...now.childNodes);
    }
  };
  const news = new EventSource(queue.dataset.berita);
  news.addEventListener("antrean", () => {
    if (!first) renew().catch(() => {});
    first = false;
  });
}

// What goes into SIAK: one key copies a field and moves on to the next.
const typed = [...document.querySelectorAll("#siak input")];
typed.forEach((field, index) => {
  field.addEventListener("focus", () => field.select());
  field.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const said = document.getElementById("tersalin");
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select();
      if (!document.execCommand("copy")) { said.textContent = "Peramban menolak menyalin: pakai Ctrl+C."; return; }
    }
    field.classList.add("tersalin");
    said.textContent = `${field.labels[0].firstChild.textContent.trim()} tersalin.`;
    (typed[index + 1] ?? document.querySelector("details.tindakan input, details.tindakan button"))?.focus();
  });
});

// Scans beside the form: turned, enlarged, and the next one, by key.
const viewer = document.getElementById("lihat");
if (viewer) {
  const links = [...document.querySelectorAll("[data-pindaian]")];
  const image = viewer.querySelector("img");
  let [at, turn, size] = [-1, 0, 0];
  const draw = () => {
    image.className = (turn ? `r${turn} ` : "") + (size ? `besar z${size}` : "");
  };
  const show = (index) => {
    if (!links.length) return;
    [at, turn, size] = [(index + links.length) % links.length, 0, 0];
    image.src = links[at].href;
    image.alt = links[at].dataset.pindaian;
    viewer.hidden = false;
    draw();
  };
  const acts = {
    r: () => { turn = (turn + 90) % 360; draw(); },
    "+": () => { size = Math.min(size + 1, 3); draw(); },
    "-": () => { size = Math.max(size - 1, 0); draw(); },
    n: () => show(at + 1),
  };
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(index);
    viewer.querySelector(".bingkai").focus();
  }));
  for (const [name, key] of [["putar", "r"], ["besar", "+"], ["kecil", "-"], ["lanjut", "n"]]) {
    viewer.querySelector(`[data-${name}]`).addEventListener("click", acts[key]);
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && !viewer.hidden) acts[event.key.toLowerCase()]?.();
  });
}

// The words of an SMS: how many septets they take, while they are written.
const BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED = "\f^{}\\[~]|€";
for (const area of document.querySelectorAll("[data-septet]")) {
  area.addEventListener("input", () => {
    const count = [...area.value].reduce((sum, letter) =>
      sum + (BASIC.includes(letter) ? 1 : EXTENDED.includes(letter) ? 2 : NaN), 0);
    document.getElementById(area.dataset.septet).textContent =
      Number.isNaN(count) ? "Ada huruf di luar GSM-7" : `${count} huruf GSM-7 sebelum terisi`;
  });
}
