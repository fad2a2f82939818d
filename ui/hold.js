// @ts-check
// Holding to talk, whatever holds: a pointer, a key or an assistive click.

/**
 * X11 repeats a held key as pairs of up and down: a key that is down again within this time was never let go of.
 */
const GRACE_MS = 50;

export class Hold {
  /** @type {string | null} what holds now */
  #source = null;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {{press: () => void, release: () => void}} actions
   * @param {{start: (end: () => void, ms: number) => unknown, stop: (timer: any) => void}} [clock]
   */
  constructor(actions, clock = { start: (end, ms) => setTimeout(end, ms), stop: (timer) => clearTimeout(timer) }) {
    this.actions = actions;
    this.clock = clock;
  }

  get isHeld() {
    return this.#source !== null;
  }

  /** @param {string} source */
  down(source) {
    if (source === this.#source) return this.#stay();
    if (this.#timer !== null) this.end();
    if (this.#source !== null) return;
    this.#source = source;
    this.actions.press();
  }

  /** @param {string} source @param {{hasGrace?: boolean}} [options] */
  up(source, { hasGrace = false } = {}) {
    if (source !== this.#source) return;
    if (!hasGrace) return this.end();
    this.#stay();
    this.#timer = this.clock.start(() => this.end(), GRACE_MS);
  }

  /** Lets go at once, also when the window loses the keyboard. */
  end() {
    this.#stay();
    if (this.#source === null) return;
    this.#source = null;
    this.actions.release();
  }

  #stay() {
    if (this.#timer !== null) this.clock.stop(this.#timer);
    this.#timer = null;
  }
}
