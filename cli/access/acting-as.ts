/** As whom this command speaks to CMK: `--as NAME`, else whoever logged in last, else the development token of the home. */
let chosen: string | undefined;

/** From the command line, before the command runs. */
export function actAs(name: string | undefined): void {
  chosen = name;
}
export const actingAs = (): string | undefined => chosen;
