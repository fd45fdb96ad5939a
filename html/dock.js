/**
 * Where the entry docks in a page that has no place for it: the lower corner
 * at which nothing of the page is in the way, above what is.
 */

/** How far apart the points are at which something may lie: as wide as the least that a finger is to hit. */
const STEP = 24;

const PRESSED = 'a[href], button, input, select, textarea, summary, [role=button], [role=link], [role=menuitem]';

/** What stands still although the page could be scrolled: a person has to answer it first. */
const ASKS = 'dialog, [role=dialog], [role=alertdialog]';

/** What fills the screen to be looked at, and nothing else. */
const PICTURE = 'video, img, canvas, iframe, embed, object';

const copies = new WeakSet();

/** What may lie below each other in one corner. */
const LAYERS = 4;

/** As in embed.css. */
const MARGIN = 8;

const AGAIN = 1000;


/** Keeps `box`, what is shown of `host`, on top and out of the way; what is returned ends that. */
export function dock(host, box) {
  let placed = false;
  let copy = null;
  const look = () => {
    if (document.hidden || !box.isConnected) {
      return;
    }
    copy = copies.has(host) ? null : within(host, copy);
    raise(box);
    if (!placed || pressable(host, box)) {
      place(host, box);
      placed = true;
    }
  };
  const timer = setInterval(look, AGAIN);

  addEventListener('resize', look);
  document.addEventListener('fullscreenchange', look);
  look();
  return () => {
    clearInterval(timer);
    removeEventListener('resize', look);
    document.removeEventListener('fullscreenchange', look);
    copy?.remove();
  };
}

/**
 * Beside an element that fills the screen nothing can be pressed, in the top
 * layer either: it has a copy of `host` in it for as long.
 */
function within(host, copy) {
  let full = document.fullscreenElement;

  while (full?.shadowRoot?.fullscreenElement) {
    full = full.shadowRoot.fullscreenElement;
  }
  if (copy?.parentNode === full) {
    return copy;
  }
  copy?.remove();
  if (!full || full.contains(host) || full.matches(PICTURE)) {
    return null;
  }
  const made = host.cloneNode();

  made.removeAttribute('id');
  copies.add(made);
  full.append(made);
  return made;
}

/**
 * Into the top layer, where the browser has one.  While a modal dialog of the
 * page is open nothing else can be pressed there, and nothing may cover it.
 */
function raise(box) {
  if (box.showPopover && !box.matches(':popover-open') && !document.querySelector('dialog:modal')) {
    box.showPopover();
  }
}

/** Behind a modal dialog nothing can be, and nothing of the page is seen at any point: `box` stays where it is. */
function pressable(host, box) {
  const { x, y, width, height } = box.getBoundingClientRect();

  return document.elementsFromPoint(x + width / 2, y + height / 2).includes(host);
}

/** Moves `box` to where there is room; without its words where there is too little for them. */
function place(host, box) {
  const rtl = getComputedStyle(host).direction === 'rtl';
  const sides = rtl ? ['right', 'left'] : ['left', 'right'];
  const put = (side, bottom) => {
    box.style.left = side === 'left' ? '0' : 'auto';
    box.style.right = side === 'left' ? 'auto' : '0';
    box.style.bottom = `${bottom}px`;
  };
  const look = (compact) => {
    box.classList.toggle('compact', compact);
    put('right', 0);    /* tells how large the window is for what is fixed to it, scrolled and zoomed as it may be */
    const shown = box.getBoundingClientRect();
    const [width, height] = [shown.right + MARGIN, shown.bottom + MARGIN];
    const size = { width: shown.width + 2 * MARGIN, height: shown.height + 2 * MARGIN };
    return sides.map((side) => ({ side, bottom: room(host, side === 'left' ? 0 : width - size.width, height, size) }))
      .sort((a, b) => a.bottom - b.bottom)[0];
  };
  const whole = look(false);
  const best = Number.isFinite(whole.bottom) ? whole : look(true);

  put(best.side, Number.isFinite(best.bottom) ? best.bottom : 0);
}

/** Points along a length, no further apart than STEP, the outer ones just within. */
function spread(length) {
  const n = Math.ceil(length / STEP);

  return Array.from({ length: n + 1 }, (_, i) => 2 + i * (length - 4) / n);
}

/** How far above the lower edge there is room at `x`, Infinity where there is none in the lower half. */
function room(host, x, height, size) {
  let bottom = 0;

  for (let n = 0; n < LAYERS; n++) {
    const y = height - bottom - size.height;
    const tops = spread(size.width).flatMap((dx) => spread(size.height).map((dy) => obstacle(host, x + dx, y + dy)))
      .filter((top) => top !== null);

    if (!tops.length) {
      return bottom;
    }
    bottom = Math.ceil(height - Math.min(...tops));
    if (bottom > height / 2) {
      break;
    }
  }
  return Infinity;
}

/** What lies at a point below `host`, also within custom elements that others may look into. */
function topmost(host, x, y) {
  let node = null;

  for (let inner = document; inner; inner = node?.shadowRoot) {
    const found = inner.elementsFromPoint(x, y).find((other) => other !== host);

    if (!found || found === node) {
      break;
    }
    node = found;
  }
  return node;
}

/**
 * The upper edge of what stands still at a point, null where there is nothing
 * or it can be scrolled away.  What fills the window is the page, or a veil
 * over it; only what is in it can be in the way.
 */
function obstacle(host, x, y) {
  const top = topmost(host, x, y);
  const root = document.scrollingElement;
  let still = root.scrollTop + root.clientHeight >= root.scrollHeight - 2;
  let pressed = null;

  for (let node = top; node && node !== document.body && node !== root;
    node = node.assignedSlot ?? node.parentElement ?? node.getRootNode().host) {
    const { position } = getComputedStyle(node);
    const box = node.getBoundingClientRect();
    const stands = position === 'fixed' || position === 'sticky';
    const fills = box.width > 0.9 * root.clientWidth && box.height > 0.9 * root.clientHeight;

    if (stands && !fills) {
      return box.top;
    }
    still ||= stands || node.matches(ASKS);
    if (!pressed && node.matches(PRESSED)) {
      pressed = box;
    }
  }
  return pressed && still ? pressed.top : null;
}
