import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { root } from '../built.ts'

export interface Block {
  /** The first word of the info string: `ts`, `sh`, … */
  readonly language: string
  /** `run` was given after it. */
  readonly runs: boolean
  /** Line of the page where the first line of code is, from 1. */
  readonly line: number
  readonly code: string
}

export interface Page {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
}

/** README in both languages and everything under docs, paths relative to the repository with forward slashes. */
export function readPages(): readonly Page[] {
  const docs = join(root, 'docs')
  const below = existsSync(docs) ? readdirSync(docs, { withFileTypes: true, recursive: true }) : []
  const pages = below
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('/node_modules/') && !path.includes('/.vitepress/'))
    .sort()
  const readmes = ['README.md', 'README.zh-CN.md'].filter((path) => existsSync(join(root, path)))
  return [...readmes, ...pages].map((path) => parsePage(path, readFileSync(join(root, path), 'utf8')))
}

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([^\s`]*)([^`]*)$/

export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = []
  const lines = text.split(/\r?\n/)
  for (let i = 0; i < lines.length; i++) {
    const open = FENCE.exec(lines[i] ?? '')
    if (open === null) continue
    const [, indent = '', fence = '', language = '', info = ''] = open
    const start = i + 1
    const closes = (line: string) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? '', '') === ''
    do i++
    while (i < lines.length && !closes(lines[i] ?? ''))
    // A fence inside a list item is indented; its code is not.
    const code = lines.slice(start, i).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    blocks.push({ language, runs: info.trim().split(/\s+/).includes('run'), line: start + 1, code: code.join('\n') })
  }
  return { path, text, blocks }
}

/** What GitHub makes of a heading to link to. */
export function anchorsOf(page: Page): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, id] of page.text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id ?? '')
  for (const [, heading = ''] of withoutCode(page.text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>/g, '')
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  return anchors
}

/** Fenced code blanked out, so that `# comment` is no heading and `[a](b)` in code no link. Line numbers stay. */
export function withoutCode(text: string): string {
  return text.replace(/^(\s*)(`{3,}|~{3,})[\s\S]*?^\s*\2[`~]*\s*$/gm, (block) => block.replace(/[^\n]/g, ''))
}
