// Icons are drawn on a field of 64 units, in the current colour. Each has its own outline, so that nobody needs the colour.
const shapes = {
  idle: '<rect x="15" y="4" width="34" height="56" rx="6"/><path d="M29 53h6"/><path stroke="none" fill="currentColor" d="M23 14h8v8h-8zM33 14h8v8h-8zM23 24h8v8h-8zM33 24h3v3h-3zM38 24h3v8h-3zM33 29h3v8h-3zM23 34h3v8h-3zM28 34h3v3h-3zM28 39h8v3h-8zM38 34h3v8h-3z"/>',
  preparing: '<rect x="10" y="10" width="18" height="18" rx="2"/><rect x="36" y="10" width="18" height="18" rx="2"/><rect x="10" y="36" width="18" height="18" rx="2"/><path stroke-width="6" d="M37 45v.01M45 45v.01M53 45v.01"/>',
  opened: '<path d="M20 22V10a6 6 0 0 1 6-6h22a6 6 0 0 1 6 6v44a6 6 0 0 1-6 6H26a6 6 0 0 1-6-6V42"/><path d="M34 53h6"/><path stroke-width="5" d="M6 32h30m-9-9 9 9-9 9"/>',
  approved: '<circle cx="32" cy="32" r="27"/><path stroke-width="6" d="m19 33 9 9 18-19"/>',
  declined: '<path d="M20.500 4.500h23l16 16v23l-16 16h-23l-16-16v-23z"/><path stroke-width="6" d="m22 22 20 20m0-20L22 42"/>',
  expired: '<path stroke-width="5" d="M14 5h36M14 59h36"/><path d="M20 5v10l24 34v10M44 5v10L20 49v10"/><path stroke="none" fill="currentColor" d="M32 42 42 56H22zM25 17h14l-7 10z"/>',
  cancelled: '<path d="M14 22h27a14 14 0 0 1 0 28H20"/><path d="M24 11 13 22l11 11"/>',
  unknown: '<path d="M32 6 60 56H4z"/><path stroke-width="6" d="M32 25v14M32 47.500v.01"/>',
  out_of_service: '<rect x="5" y="10" width="54" height="36" rx="4"/><path d="M22 57h20M32 46v11"/><path stroke-width="5" d="m23 19 18 18m0-18L23 37"/>',
  too_small: '<rect x="5" y="10" width="54" height="36" rx="4"/><path d="M22 57h20M32 46v11"/><path d="M14 20v-3h4M50 20v-3h-4M14 36v3h4M50 36v3h-4M27 23h10v10H27z"/>',
  wait: '<circle cx="32" cy="32" r="27"/><path stroke-width="6" d="M19 32v.01M32 32v.01M45 32v.01"/>',
  checking: '<circle cx="28" cy="28" r="20"/><path d="m43 43 15 15"/><path d="M28 17v11l8 5"/>',
  moved: '<rect x="5" y="16" width="30" height="22" rx="3"/><path d="M14 46h12"/><path d="M41 27h18m-7-7 7 7-7 7"/>',
};

// looks are the screens without a code.
export const looks = Object.keys(shapes);

export function icon(kind) {
  const doc = new DOMParser().parseFromString(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shapes[kind] || shapes.wait}</svg>`,
    'image/svg+xml');
  return document.importNode(doc.documentElement, true);
}
