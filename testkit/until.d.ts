/** Until `holds` does; fails after `withinMs`, naming what was waited for. Returns how long it took, in milliseconds. */
export declare function until(what: string, holds: () => boolean | Promise<boolean>, withinMs?: number): Promise<number>;
