// Prints {"FILE": "TEXT"} of every picture of a folder in which zxing finds a QR code. usage: node read.mjs FOLDER
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';

const wasm = readFileSync(createRequire(import.meta.url).resolve('zxing-wasm/reader/zxing_reader.wasm'));
prepareZXingModule({ overrides: { wasmBinary: wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength) } });

const dir = process.argv[2];
const read = {};
for (const name of readdirSync(dir)) {
  const found = await readBarcodes(new Uint8Array(readFileSync(join(dir, name))), { formats: ['QRCode'], tryHarder: true });
  if (found.length > 0) read[name] = found[0].text;
}
console.log(JSON.stringify(read));
