// Classic script in the oldest syntax: sends browsers that cannot run the console to a static page that helps.
// `noModule` is missing in IE and before Chrome 61; Array.prototype.findLast before Chrome 97 and Firefox 104.
;(function () {
  var modern = 'noModule' in document.createElement('script') && 'findLast' in Array.prototype
  if (!modern) {
    location.replace('/admin/old-browser.html')
  }
})()
