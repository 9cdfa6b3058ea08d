"""What can be measured of how a page looks: text cut off, words broken, colours too faint."""

WALK = """async ([check, selector]) => {
    const book = window.jupyterapp.shell.currentWidget.content, found = []
    const rendered = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    const test = (0, eval)(check)
    for (const [index, cell] of book.widgets.entries()) {
        await book.scrollToItem(index, 'start')
        await rendered()
        for (const part of cell.node.querySelectorAll(selector))
            if (part.checkVisibility() && !part.closest('details:not([open])')) found.push(...test(part).map(text => `cell ${index}: ${text}`))
    }
    return [...new Set(found)]
}"""

OVERFLOW = """part => part.scrollWidth <= part.clientWidth + 1 || getComputedStyle(part).overflowX === 'visible' ? [] :
    [`${part.scrollWidth} pixels in ${part.clientWidth}: ${part.textContent.trim().slice(0, 60)}`]"""

BROKEN = """part => {
    const found = [], range = document.createRange()
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT)
    for (let node; node = walker.nextNode();) {
        if (node.parentElement.closest('mjx-container, script, style')) continue
        for (const word of node.data.matchAll(/[\\p{Script=Latin}\\p{Script=Cyrillic}\\p{Script=Greek}\\p{N}_]+/gu)) {
            range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length)
            const lines = new Set([...range.getClientRects()].filter(r => r.width).map(r => Math.round(r.bottom)))
            if (lines.size > 1) found.push(`${word[0]} is broken in: ${node.data.slice(Math.max(0, word.index - 30), word.index + 30).trim()}`)
        }
    }
    return found
}"""

FAINT = """part => {
    const numbers = colour => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a] }
    const light = rgb => { const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b }
    const behind = node => { for (; node; node = node.parentElement) {
        const colour = numbers(getComputedStyle(node).backgroundColor); if (colour[3] > 0.5) return colour } return [255, 255, 255, 1] }
    const found = []
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT)
    for (let node; node = walker.nextNode();) {
        const holder = node.parentElement
        if (!node.data.trim() || !holder.checkVisibility() || holder.closest('mjx-assistive-mml, script, style, svg, button, .jp-InternalAnchorLink, .jp-RenderedMarkdown pre')) continue
        const ink = light(numbers(getComputedStyle(holder).color)), paper = light(behind(holder))
        const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)
        if (contrast.toFixed(1) < 4.5) found.push(`contrast ${contrast.toFixed(1)}: ${node.data.trim().slice(0, 40)}`)
    }
    return found
}"""

RAW = """part => [...part.querySelectorAll('details, p, li, td')].flatMap(one => {
    const copy = one.cloneNode(true)
    for (const code of copy.querySelectorAll('code, pre, mjx-container, script')) code.remove()
    return copy.textContent.match(/`[^`]+`|\\*\\*[^*]+\\*\\*|\\]\\([^)]+\\)/g) ?? []
})"""

OURS = ".jp-OutputArea-output, .jp-RenderedMarkdown"


def overflow(lesson):
    """List outputs and texts that are wider than their place, so that a part is hidden."""
    return lesson.page.evaluate(WALK, [OVERFLOW, f"{OURS}, .jp-OutputArea-output :is(pre, div), .cm-scroller"])


def broken_words(lesson):
    """List words that begin in one line and end in the next."""
    return lesson.page.evaluate(WALK, [BROKEN, OURS])


def raw_markdown(lesson):
    """List marks of markdown that are shown as they are, as inside a block of HTML."""
    return lesson.page.evaluate(WALK, [RAW, ".jp-RenderedMarkdown"])


def faint_text(lesson):
    """List texts of ours whose contrast with what is behind them is under 4.5 to 1."""
    return lesson.page.evaluate(WALK, [FAINT, OURS])
