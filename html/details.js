/** The full text of an error, for those who help, and the button that copies. */

import { SECOND, h, icon, say } from './core.js';


/** A button that copies what `read` returns. */
export function copyButton(texts, read) {
  const label = h('span', { 'aria-live': 'polite' }, texts.t('copy'));
  const button = h('button', { type: 'button', class: 'small', click: async () => {
    try {
      await navigator.clipboard.writeText(read());
    } catch {
      copySelected(button, read());
    }
    say(label, texts.t('copied'));
    setTimeout(() => say(label, texts.t('copy')), 2 * SECOND);
  } }, icon('copy'), label);
  return button;
}

/** The way of old for pages without https, where there is no clipboard. */
function copySelected(button, text) {
  const field = h('textarea', { class: 'sr' }, text);

  button.after(field);
  field.select();
  document.execCommand('copy');
  field.remove();
  button.focus();
}

/**
 * The `i` with the full text of an error: opens on hover and focus, a tap or
 * click keeps it open, Esc closes it.
 */
export function details(texts, text) {
  const pop = h('div', { class: 'pop', hidden: true },
    h('pre', { tabindex: 0, dir: 'auto' }, text), copyButton(texts, () => text));
  const button = h('button', { type: 'button', class: 'why-button', 'aria-expanded': 'false',
    'aria-label': texts.t('details') }, icon('info'));
  const box = h('span', { class: 'details' }, button, pop);
  let kept = false;
  let timer = 0;

  const show = (on) => {
    clearTimeout(timer);
    kept = on && kept;
    pop.hidden = !on;
    button.setAttribute('aria-expanded', on);
  };
  const on = (type, listener) => box.addEventListener(type, listener);

  button.addEventListener('click', () => {
    show(!kept);
    kept = !pop.hidden;
  });
  on('pointerenter', (event) => event.pointerType === 'mouse' && show(true));
  on('pointerleave', () => {
    if (!kept && !box.contains(box.getRootNode().activeElement)) {
      timer = setTimeout(show, 300, false);
    }
  });
  on('focusin', () => show(true));
  on('focusout', (event) => event.relatedTarget && !box.contains(event.relatedTarget) && show(false));
  on('keydown', (event) => {
    if (event.key === 'Escape' && !pop.hidden) {
      event.preventDefault();
      event.stopPropagation();
      button.focus();
      show(false);
    }
  });
  return box;
}
