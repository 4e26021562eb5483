// A card number must not get into an address, a log or a history: it is never searched.

/** Whether a text has a whole card number in it: 13 to 19 digits with a right check digit. */
export function looksLikeCard(text: string): boolean {
  const runs = text.replaceAll(/[\s.-]/g, "").match(/\d{13,19}/g) ?? [];
  return runs.some(checks);
}

function checks(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
