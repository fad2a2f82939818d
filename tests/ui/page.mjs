// A page small enough for tests: elements with attributes, children and text, as far as the scripts use them.

class Text {
  constructor(data) { this.data = data; this.parent = null; }
  get textContent() { return this.data; }
}

class Element {
  constructor(tag) { this.tag = tag; this.attributes = {}; this.childNodes = []; this.listeners = {}; this.parent = null; this.hidden = false; }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] ?? null; }
  addEventListener(name, act) { this.listeners[name] = act; }
  append(...nodes) {
    for (const node of nodes) {
      const child = typeof node === 'string' ? new Text(node) : node;
      child.parent = this;
      this.childNodes.push(child);
    }
  }
  replaceChildren(...nodes) { this.childNodes = []; this.append(...nodes); }
  remove() { if (this.parent) this.parent.childNodes = this.parent.childNodes.filter((node) => node !== this); }
  get textContent() { return this.childNodes.map((node) => node.textContent).join(''); }
  set textContent(text) { this.replaceChildren(text); }
  get all() { return this.childNodes.flatMap((node) => (node instanceof Element ? [node, ...node.all] : [])); }
  /** Elements of a tag inside, in order. */
  tagged(tag) { return this.all.filter((node) => node.tag === tag); }
  /** As compact markup, attributes left out but for addresses. */
  get markup() {
    const inner = this.childNodes.map((node) => (node instanceof Element ? node.markup : node.data)).join('');
    const address = this.tag === 'a' ? ` ${this.attributes['data-address']}` : '';
    return `<${this.tag}${address}>${inner}</${this.tag}>`;
  }
}

/** What was said to those who listen. */
export const announcer = new Element('div');
globalThis.document ??= {
  getElementById: () => announcer,
  createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag),
};
// Older Node has no navigator, which names of keys depend on.
globalThis.navigator ??= { platform: '' };
globalThis.HTMLElement ??= Element;
export const element = (tag = 'div') => new Element(tag);
