/** What `source.ts` in a folder of Lua files must contain; by default in that of the Redis store. */
export function luaModule(folder?: string): string
