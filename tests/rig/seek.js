// Finds the first visible element of a role and an accessible name, as assistive technology would.
const [role, name] = arguments;
const native = {
  button: 'button, summary, input[type=button], input[type=submit]',
  textbox: 'textarea, input:not([type]), input[type=text], input[type=password], input[type=url], input[type=search]',
  checkbox: 'input[type=checkbox]', radio: 'input[type=radio]', slider: 'input[type=range]', combobox: 'select',
  status: 'output', dialog: 'dialog', heading: 'h1, h2, h3, h4', navigation: 'nav', main: 'main', link: 'a[href]',
};
const text = (element) => (element?.textContent ?? '').replace(/\s+/g, ' ').trim();
const nameOf = (element) => {
  const by = element.getAttribute('aria-labelledby');
  if (by) return by.split(/\s+/).map((id) => text(document.getElementById(id))).join(' ').trim();
  const label = element.getAttribute('aria-label');
  if (label) return label.trim();
  if (element.labels?.length) return [...element.labels].map(text).join(' ');
  return text(element) || element.title || element.placeholder || '';
};
const isVisible = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== 'hidden';
const selector = [`[role=${role}]`, ...(native[role] ?? '').split(', ').filter(Boolean).map((tag) => `${tag}:not([role])`)];
const all = [...document.querySelectorAll(selector.join(', '))].filter(isVisible);
return all.find((element) => name === null || nameOf(element) === name) ?? null;
