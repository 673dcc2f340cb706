// Icons are drawn on a field of 64 units, in the current colour. Each has its own outline, so that nobody needs the colour.
const shapes = {
  idle: '<rect x="20" y="6" width="24" height="52" rx="5"/><path d="M29 51h6"/><path d="M26 15h5v5h-5zM34 15h5v5h-5zM26 23h5v5h-5zM34 25v3h5M34 34h5M26 34v5h4M35 39h4"/>',
  opened: '<rect x="14" y="5" width="28" height="54" rx="5"/><path d="M25 52h6"/><path d="M22 28h26m-9-9 9 9-9 9"/>',
  approved: '<circle cx="32" cy="32" r="27"/><path stroke-width="6" d="m19 33 9 9 18-19"/>',
  declined: '<path d="M20.500 4.500h23l16 16v23l-16 16h-23l-16-16v-23z"/><path stroke-width="6" d="m22 22 20 20m0-20L22 42"/>',
  expired: '<path d="M17 5h30M17 59h30M21 5v8c0 9 22 14 22 26v20M43 5v8c0 9-22 14-22 26v20"/><path d="M27 55h10"/>',
  cancelled: '<path d="M14 22h27a14 14 0 0 1 0 28H20"/><path d="M24 11 13 22l11 11"/>',
  unknown: '<path d="M32 6 60 56H4z"/><path stroke-width="6" d="M32 25v14M32 47.500v.01"/>',
  out_of_service: '<rect x="5" y="10" width="54" height="36" rx="4"/><path d="M22 57h20M32 46v11"/><path stroke-width="5" d="m23 19 18 18m0-18L23 37"/>',
  too_small: '<rect x="5" y="10" width="54" height="36" rx="4"/><path d="M22 57h20M32 46v11"/><path d="M14 20v-3h4M50 20v-3h-4M14 36v3h4M50 36v3h-4M27 23h10v10H27z"/>',
  wait: '<circle cx="32" cy="32" r="27"/><path stroke-width="6" d="M19 32v.01M32 32v.01M45 32v.01"/>',
  checking: '<circle cx="28" cy="28" r="20"/><path d="m43 43 15 15"/><path d="M28 17v11l8 5"/>',
  moved: '<rect x="5" y="16" width="30" height="22" rx="3"/><path d="M14 46h12"/><path d="M41 27h18m-7-7 7 7-7 7"/>',
};

export function icon(kind) {
  const doc = new DOMParser().parseFromString(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shapes[kind] || shapes.wait}</svg>`,
    'image/svg+xml');
  return document.importNode(doc.documentElement, true);
}
