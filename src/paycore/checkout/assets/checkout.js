// The page works without this: it counts down, lets nobody click twice, and keeps to
// the code what is pasted. It reads and stores nothing and asks nobody.
"use strict";

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    const button = form.querySelector("button");
    button.setAttribute("aria-disabled", "true");
    button.classList.add("busy");
  });
}

// Back from somewhere else: the page stands as it was left, and may be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const code = document.getElementById("code");
if (code) {
  code.addEventListener("input", () => {
    const digits = code.value.replace(/\D/g, "").slice(0, 8);
    if (digits !== code.value) code.value = digits;
  });
  code.addEventListener("paste", (event) => {
    const digits = event.clipboardData.getData("text").replace(/\D/g, "");
    if (digits) {
      event.preventDefault();
      code.value = digits.slice(0, 8);
    }
  });
}

const again = document.querySelector("[data-wait]");
if (again && Number(again.dataset.wait) > 0) {
  const until = performance.now() + Number(again.dataset.wait) * 1000;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    again.disabled = left > 0;
    again.textContent =
      left > 0 ? again.dataset.text.replace("{s}", left) : again.dataset.again;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}
