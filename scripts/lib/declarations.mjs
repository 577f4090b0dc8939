import { readFileSync, writeFileSync } from 'node:fs'

/**
 * tsc rewrites `./x.ts` to `./x.js` in JavaScript but not in declarations, where the path would name a file that is not
 * in the package.
 * @param {string} file
 */
export function sourceImportsToJs(file) {
  const text = readFileSync(file, 'utf8')
  const rewritten = text.replace(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2')
  if (rewritten !== text) writeFileSync(file, rewritten)
}
