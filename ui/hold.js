// @ts-check
// Holding to talk, whatever holds: a pointer, a key or an assistive click.

/**
 * X11 repeats a held key as pairs of up and down: a key that is down again within this time was never let go of.
 */
const GRACE_MS = 50;
/** No keyboard repeats a key sooner than this; a shorter press is let go of at once, so that a tap stays a tap. */
const REPEATED_MS = 200;

export class Hold {
  /** @type {string | null} what holds now */
  #source = null;
  /** @type {unknown} */
  #timer = null;
  /** When it went down. */
  #since = 0;

  /**
   * @param {{press: () => void, release: () => void, letGo: () => void}} actions
   * @param {{start: (end: () => void, ms: number) => unknown, stop: (timer: any) => void, now: () => number}} [clock]
   */
  constructor(actions, clock = { start: (end, ms) => setTimeout(end, ms), stop: (timer) => clearTimeout(timer), now: () => performance.now() }) {
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
    this.#since = this.clock.now();
    this.actions.press();
  }

  /** @param {string} source @param {{hasGrace?: boolean}} [options] */
  up(source, { hasGrace = false } = {}) {
    if (source !== this.#source) return;
    if (!hasGrace || this.clock.now() - this.#since < REPEATED_MS) return this.end();
    this.#stay();
    this.#timer = this.clock.start(() => this.end(), GRACE_MS);
  }

  /** Lets go at once. */
  end() {
    if (this.#drop()) this.actions.release();
  }

  /** The window lost the keyboard: however short it was held, this is no tap. */
  lose() {
    if (this.#drop()) this.actions.letGo();
  }

  #drop() {
    this.#stay();
    const wasHeld = this.#source !== null;
    this.#source = null;
    return wasHeld;
  }

  #stay() {
    if (this.#timer !== null) this.clock.stop(this.#timer);
    this.#timer = null;
  }
}
