// Writes source.ts from the Lua files beside it: as a module it is included by bundlers.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './lib/paths.mjs'

const FOLDERS = ['src/stores/redis/scripts', 'src/messaging/redis-streams/scripts']

/** Returns the content that a folder's module must have; a test compares it. */
export function luaModule(folder = 'src/stores/redis/scripts') {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.lua'))
  const entries = names.sort().map((name) => {
    const text = withoutComments(readFileSync(join(root, folder, name), 'utf8'))
    if (/[`\\$]/.test(text)) throw new Error(`${name} has a character that a template string would take as its own`)
    return `  ${name.replace('.lua', '')}: \`${text}\`,\n`
  })
  return `// Written by scripts/generate-lua.mjs from the Lua files beside it. Do not edit.\n\nexport const SOURCE = {\n${entries.join('')}} as const\n`
}

/** Redis keeps every script it has run, so the comments are left out. @param {string} text */
function withoutComments(text) {
  return text.replace(/^\s*--.*\n/gm, '').replace(/\n{2,}/g, '\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const folder of FOLDERS) writeFileSync(join(root, folder, 'source.ts'), luaModule(folder))
}
