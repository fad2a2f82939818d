// @ts-check
// How large everything is shown. It belongs to this screen, so it is kept here and not in the settings.
import * as ipc from './ipc.js';

/** Steps that web browsers have. */
const STEPS = [0.75, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5];
const NORMAL = STEPS.indexOf(1);
const PLACE = 'zoom';

export function zoom() {
  let at = STEPS.indexOf(Number(localStorage.getItem(PLACE)));
  if (at < 0) at = NORMAL;
  if (at !== NORMAL) apply();

  function apply() {
    localStorage.setItem(PLACE, String(STEPS[at]));
    ipc.zoom(STEPS[at]).catch(() => {});
  }

  return {
    /** @param {1 | -1} by one step larger or smaller */
    change(by) {
      at = Math.min(Math.max(at + by, 0), STEPS.length - 1);
      apply();
    },
    reset() {
      at = NORMAL;
      apply();
    },
  };
}
