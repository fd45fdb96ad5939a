// What "make lint" asks of the page and of its tests.

import js from "@eslint/js";

const names = (text) => Object.fromEntries(
  text.trim().split(/\s+/).map((name) => [name, "readonly"]));

const browser = names(`
  AbortController AbortSignal CustomEvent Element Event EventSource EventTarget
  HTMLElement MutationObserver TextDecoderStream URL URLSearchParams
  addEventListener caches clearInterval clearTimeout console customElements
  dispatchEvent document fetch getComputedStyle getSelection localStorage location navigator
  removeEventListener scrollTo sessionStorage setInterval setTimeout top window
`);

const worker = names("Response Request caches clients fetch self URL");

const node = names(`
  AbortController AbortSignal Buffer URL URLSearchParams clearInterval
  clearTimeout console fetch performance process setImmediate setInterval
  setTimeout
`);

const rules = {
  "eqeqeq": ["error", "always", { "null": "ignore" }],
  "max-lines-per-function": ["error", { "max": 80, "skipComments": true }],
  "no-constant-binary-expression": "error",
  "no-eval": "error",
  "no-implicit-coercion": ["error", { "boolean": false }],
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-promise-executor-return": "off",
  "no-script-url": "error",
  "no-self-compare": "error",
  "no-shadow": "error",
  "no-throw-literal": "error",
  "no-unused-expressions": "error",
  "no-unused-vars": "error",
  "no-use-before-define": ["error", { "functions": false, "classes": false }],
  "no-var": "error",
  "prefer-const": "error",
};

export default [
  { ignores: ["build/**", "**/node_modules/**", "t/servroot*/"] },
  js.configs.recommended,
  { rules, linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["html/*.js"], languageOptions: { globals: browser } },
  { files: ["html/sw.js"], languageOptions: { globals: worker } },
  {
    // what a test evaluates in the page sees the page
    files: ["t/**/*.js"],
    languageOptions: { globals: { ...node, ...browser } },
    // a test is one story, told in order; what it uses later may stand later
    rules: { "max-lines-per-function": "off", "no-use-before-define": "off" },
  },
];
