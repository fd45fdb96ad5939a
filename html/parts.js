/** What several of the later parts need: copying, asking back, and all that the `i` of an error can do. */

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
 * A button with `label` that asks `question` back before it calls `act`; the
 * focus goes along.  Of several, `about` tells ears what each is for.
 */
export function confirmed(texts, label, question, act, about) {
  const name = about && `${label}: ${about}`;
  const button = h('button', { type: 'button', 'aria-label': name, click: () => show(true) }, label);
  const sure = h('button', { type: 'button', class: 'main', 'aria-label': name, click: () => {
    show(false);
    act();
  } }, label);
  const box = h('div', { class: 'asks', role: 'group', 'aria-label': question, hidden: true, keydown: (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      show(false);
    }
  } }, h('p', {}, question), h('div', { class: 'actions' }, sure,
    h('button', { type: 'button', click: () => show(false) }, texts.t('not.now'))));

  function show(on) {
    button.hidden = on;
    box.hidden = !on;
    (on ? sure : button).focus();
  }
  return h('div', { class: 'confirm' }, button, box);
}

/**
 * The details of an error then open on hover and focus, too; a tap or click
 * keeps them open, Esc or one elsewhere closes them.
 */
export function enliven({ box, button, pop, texts, text }) {
  let pinned = !pop.hidden;
  let timer = 0;

  const show = (on) => {
    clearTimeout(timer);
    pinned = on && pinned;
    pop.hidden = !on;
    button.setAttribute('aria-expanded', on);
    document[on ? 'addEventListener' : 'removeEventListener']('pointerdown', elsewhere);
  };
  const focused = () => box.contains(box.getRootNode().activeElement);
  const on = (type, listener) => box.addEventListener(type, listener);

  function elsewhere(event) {
    if (!event.composedPath().includes(box)) {
      show(false);
    }
  }

  pop.append(copyButton(texts, () => text));
  button.addEventListener('click', () => {
    show(!pinned);
    pinned = !pop.hidden;
  });
  on('pointerenter', (event) => event.pointerType === 'mouse' && show(true));
  on('pointerleave', () => {
    if (!pinned && !focused()) {
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
  show(pinned || focused() || box.matches(':hover'));
}
