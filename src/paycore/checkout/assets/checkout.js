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

// A whole text has other numbers too: the card's tail, the amount, the minutes. A code
// that is named is taken, else the first number as long as most codes are.
const codeIn = (text) => {
  const named = String.raw`(?:验证码|校验码|动态码|\bcode\b)\D{0,12}`;
  const found =
    /^[\d\s-]*$/.test(text)
      ? null
      : text.match(new RegExp(`${named}(\\d{6,8})(?!\\d)`, "i")) ||
        text.match(/(?:^|\D)(\d{6,8})(?!\d)/) ||
        text.match(new RegExp(`${named}(\\d{4,5})(?!\\d)`, "i"));
  return found ? found[1] : text.replace(/\D/g, "");
};

const code = document.getElementById("code");
if (code) {
  code.addEventListener("input", () => {
    const digits = code.value.replace(/\D/g, "").slice(0, 8);
    if (digits !== code.value) code.value = digits;
  });
  code.addEventListener("paste", (event) => {
    const digits = codeIn(event.clipboardData.getData("text"));
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
