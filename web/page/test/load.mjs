// A module of the page, for Node.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export async function load(file) {
  const entryPoint = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
