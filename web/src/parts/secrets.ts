// Whole numbers of cards, phones and persons must not get into an address, a log or a
// browser's history: nothing is searched by them. They are those that the API masks
// (src/paycore/kernel/mask.py).

/** What has the shape of a number of our own is none of these. */
const OURS = /^\d{15}[0-9A-Z]{11}(?:[RMS]?\d\d[0-9A-Z]{0,3})?$/;

/** By the digits that issuers' numbers begin with. */
const CARD = /(?<!\d)(?:2[2-7]|[34569]\d)\d{11,17}(?!\d)/g;

const OTHERS = [
  /(?<!\d)(?:\+?86|0086)?1[3-9]\d{9}(?!\d)/,
  /\+\d{8,15}(?!\d)/,
  /(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])/,
] as const;

export function holdsSecret(text: string): boolean {
  if (OURS.test(text.trim())) return false;
  const plain = text.replaceAll(/[\s.-]/g, "");
  const cards = plain.match(CARD) ?? [];
  return cards.some(checks) || OTHERS.some((form) => form.test(plain));
}

/** Whether a card number's last digit is the one that belongs to the others (Luhn). */
function checks(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
