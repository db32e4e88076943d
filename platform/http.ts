/**
 * What we use of `node:http`. An import of the module itself reads each of its exports, and some of them are getters behind
 * which Node loads its whole client for the web: as long as all of Node takes to start, once for each process.
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http');
