// What a function of V8 or Node works on, by its name. The first group that matches counts.
/** @type {readonly (readonly [name: string, pattern: RegExp])[]} */
const GROUPS = [
  ['JSON', /Json/],
  [
    'garbage',
    /Mark|Scaveng|Sweep|Evacuat|heap::|Worklist|BodyDescriptor|Pretenuring|Ephemeron|SizeFromMap|RecordWrite|RememberedSet|Heap::|LiveObject|Migrated|Space/,
  ],
  ['compiler', /compiler::|Turbo|maglev|Parser|Scanner|baseline::/],
  ['digests', /sha|SHA|EVP|Hash::|CRYPTO|OPENSSL|evp_md/],
  ['promises', /Promise|Await|Microtask|AsyncFunction|Generator/],
  ['strings', /String|[Uu]tf8|[Uu]tf16/],
  // valgrind has no names for compiled JavaScript.
  ['JavaScript', /^\?\?\?$/],
]
export const GROUP_NAMES = [...GROUPS.map(([name]) => name), 'the rest']

/** @param {string} fn */
export const groupOf = (fn) => GROUPS.find(([, pattern]) => pattern.test(fn))?.[0] ?? 'the rest'
