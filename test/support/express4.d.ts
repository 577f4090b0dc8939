/** Express 4 under another name: it has no types, and the part that the tests use is the same in both versions. */
declare module 'express4' {
  export { default } from 'express'
}
