import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository, whatever the current directory is. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const cacheDir = join(root, '.cache')
export const distDir = join(root, 'dist')
