// Bundles src/ into dist/. Scripts and styles get a hash of their content in their names, so that browsers may keep them
// for ever; index.html names them and comes last, because its presence says that dist/ is whole.
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

await rm('dist', { recursive: true, force: true });
await mkdir('dist');
for (const file of await readdir('public')) {
  await copyFile(join('public', file), join('dist', file));
}

const { metafile } = await build({
  entryPoints: ['src/main.ts', 'src/style.css'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome109', 'firefox115', 'safari16'],
  legalComments: 'linked',
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  metafile: true,
  logLevel: 'warning',
});

let html = await readFile('src/index.html', 'utf8');
for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) {
    // Relative, so that the page may be anywhere below a host.
    html = html.replaceAll(`"${entryPoint}"`, `"${file.replace('dist/', '')}"`);
  }
}
await writeFile('dist/index.html', html);
