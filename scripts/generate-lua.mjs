// Writes source.ts from the Lua files beside it: a module, so that a bundler takes it along.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './lib/paths.mjs'

const FOLDERS = ['src/stores/redis/scripts', 'src/messaging/redis-streams/scripts']

/** What the module of a folder must contain; tests compare. */
export function luaModule(folder = 'src/stores/redis/scripts') {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.lua'))
  const entries = names.sort().map((name) => {
    const text = withoutComments(readFileSync(join(root, folder, name), 'utf8'))
    if (/[`\\$]/.test(text)) throw new Error(`${name} has a character that a template string would take as its own`)
    return `  ${name.replace('.lua', '')}: \`${text}\`,\n`
  })
  return `// Written by scripts/generate-lua.mjs from the Lua files beside it. Do not edit.\n\nexport const SOURCE = {\n${entries.join('')}} as const\n`
}

/** The server keeps every script it has seen: it need not keep what is for us. @param {string} text */
function withoutComments(text) {
  return text.replace(/^\s*--.*\n/gm, '').replace(/\n{2,}/g, '\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const folder of FOLDERS) writeFileSync(join(root, folder, 'source.ts'), luaModule(folder))
}
