import { readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { isClassDeclaration, isInterfaceDeclaration, isTypeAliasDeclaration } from 'typescript/unstable/ast'
import { API, type Project, SignatureKind, type Symbol as Sym, SymbolFlags, type Type } from 'typescript/unstable/sync'
import { root } from '../built.ts'

type Handle = Sym['declarations'][number]

/** A member that a user sees of an exported type. */
export interface Member {
  readonly name: string
  readonly doc: string
  readonly callable: boolean
  /** Declared by itself. Of a member of `Omit`, `Pick` or `Partial` the language server of TypeScript 7.0 shows nothing. */
  readonly declared: boolean
  /** Declared with `?`. */
  readonly optional: boolean
  /** The docstring of the type that declares it, which may be another one than the one that has it. */
  readonly ownerDoc: string
}

/** A name that an entry point exports. */
export interface Export {
  readonly name: string
  /** Path of its declaration, for messages. */
  readonly file: string
  readonly doc: string
  readonly members: readonly Member[]
}

/**
 * Reads what the entry points of package.json export, with the docstrings that an editor would show.
 * Ask once: opening the project takes a second or two.
 */
export function publicDeclarations(): readonly Export[] {
  const api = new API({ cwd: root })
  try {
    const config = join(root, 'tsconfig.build.json')
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`${config} cannot be opened`)
    const seen = new Map<number, Export>()
    for (const source of entrySources()) {
      for (const symbol of exportsOf(project, source)) {
        if (!seen.has(symbol.id)) seen.set(symbol.id, exported(project, symbol))
      }
    }
    return [...seen.values()]
  } finally {
    api.close()
  }
}

function entrySources(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>
  }
  return Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')],
  )
}

function exportsOf({ program, checker }: Project, source: string): readonly Sym[] {
  const file = program.getSourceFile(join(root, source))
  const module = file && checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`${source} is no module of the build`)
  const named = checker.getExportsOfModule(module)
  return named.map((one) => (one.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one))
}

function exported(project: Project, symbol: Sym): Export {
  return {
    name: symbol.name,
    file: placeOf(symbol.declarations[0]),
    doc: symbol.getDocumentationComment(project.checker),
    members: membersOf(project, symbol),
  }
}

function membersOf(project: Project, symbol: Sym): readonly Member[] {
  const { checker } = project
  if (!(symbol.flags & (SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Class))) return []
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  const found = new Map<number, Member>()
  for (const part of (type.isUnionType() ? type.getTypes() : [type]) as readonly Type[]) {
    if (!part.isObjectType() && !part.isIntersectionType()) continue
    for (const member of checker.getPropertiesOfType(part)) {
      const [declared] = member.declarations
      // Left out: what a lib or a client's package declares, and `#private` members.
      if (declared === undefined || !placeOf(declared).startsWith('src/') || /[#@]/.test(member.name)) continue
      found.set(member.id, {
        name: member.name,
        doc: member.getDocumentationComment(checker),
        callable: isCallable(project, member),
        declared: member.valueDeclaration !== undefined,
        optional: isOptional(declared),
        ownerDoc: ownerDoc(project, declared),
      })
    }
  }
  return [...found.values()]
}

function isCallable({ checker }: Project, member: Sym): boolean {
  const type = checker.getTypeOfSymbol(member)
  const present = type && checker.getNonNullableType(type)
  return present !== undefined && checker.getSignaturesOfType(present, SignatureKind.Call).length > 0
}

function isOptional(declared: Handle): boolean {
  const node = declared.resolve() as { readonly postfixToken?: unknown } | undefined
  return node?.postfixToken !== undefined
}

function ownerDoc({ checker }: Project, declared: Handle): string {
  for (let node = declared.resolve()?.parent; node !== undefined; node = node.parent) {
    if (isInterfaceDeclaration(node) || isClassDeclaration(node) || isTypeAliasDeclaration(node)) {
      const owner = node.name && checker.getSymbolAtLocation(node.name)
      return owner?.getDocumentationComment(checker) ?? ''
    }
  }
  return ''
}

function placeOf(declared: Handle | undefined): string {
  const base = root.split(sep).join('/').toLowerCase()
  const path = declared?.path ?? ''
  return path.toLowerCase().startsWith(base) ? path.slice(base.length) : path
}
