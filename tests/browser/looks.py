"""What can be measured of how a page looks: text cut off, words broken, raw marks, colours too faint."""

OURS = ".jp-OutputArea-output, .jp-RenderedMarkdown"

# Goes through the cells, each brought into view, and gathers what `check` says of the elements that `selector` finds.
WALK = r"""async ([check, selector]) => {
    const book = window.jupyterapp.shell.currentWidget.content, found = new Set()
    const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    for (const [index, cell] of book.widgets.entries()) {
        await book.scrollToItem(index, 'start')
        await drawn()
        for (const part of cell.node.querySelectorAll(selector)) {
            if (!part.checkVisibility() || part.closest('details:not([open])')) continue
            for (const problem of checks[check](part)) found.add(`cell ${index}: ${problem}`)
        }
    }
    return [...found]
}"""

CHECKS = r"""const checks = {
    cut: part => {
        const hidden = part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX !== 'visible'
        return hidden ? [`${part.scrollWidth} pixels in ${part.clientWidth}: ${part.innerText.slice(0, 60)}`] : []
    },
    broken: part => {
        const found = [], range = document.createRange()
        const words = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}_]+/gu
        for (const text of texts(part)) for (const word of text.data.matchAll(words)) {
            range.setStart(text, word.index)
            range.setEnd(text, word.index + word[0].length)
            const lines = [...range.getClientRects()].filter(place => place.width).map(place => Math.round(place.bottom))
            const around = text.data.slice(Math.max(0, word.index - 30), word.index + 30).trim()
            if (new Set(lines).size > 1) found.push(`${word[0]} is broken in: ${around}`)
        }
        return found
    },
    raw: part => [...part.querySelectorAll('details, p, li, td')].flatMap(one => {
        const copy = one.cloneNode(true)
        for (const code of copy.querySelectorAll('code, pre, mjx-container, script')) code.remove()
        return copy.textContent.match(/`[^`]+`|\*\*[^*]+\*\*|\]\([^)]+\)/g) ?? []
    }),
    faint: part => {
        const found = [], theirs = 'svg, button, .jp-InternalAnchorLink, .jp-RenderedMarkdown pre'  // JupyterLab's own
        for (const text of texts(part)) {
            const holder = text.parentElement
            if (!text.data.trim() || !holder.checkVisibility() || holder.closest(theirs)) continue
            const pair = [light(numbers(getComputedStyle(holder).color)), light(paper(holder))]
            const contrast = ((Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)).toFixed(1)
            if (contrast < 4.5) found.push(`contrast ${contrast}: ${text.data.trim().slice(0, 40)}`)
        }
        return found
    },
}
function texts(part) {
    const found = [], walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT)
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest('mjx-container, script, style')) found.push(walker.currentNode)
    return found
}
function numbers(colour) {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number)
    return [red, green, blue, alpha]
}
function light(colour) {  // relative luminance, WCAG 2.2
    const linear = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    const [red, green, blue] = colour.map(value => linear(value / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
function paper(node) {
    for (; node; node = node.parentElement) {
        const colour = numbers(getComputedStyle(node).backgroundColor)
        if (colour[3] > 0.5) return colour
    }
    return [255, 255, 255, 1]
}"""


def look(lesson, check, selector=OURS):
    """Return what a check finds in the lesson."""
    return lesson.page.evaluate(f"async given => {{ {CHECKS}\nreturn await ({WALK})(given) }}", [check, selector])


def overflow(lesson):
    """List outputs, texts and code that are wider than their place, so that a part is hidden."""
    return look(lesson, "cut", f"{OURS}, .jp-OutputArea-output :is(pre, div), .cm-scroller")


def broken_words(lesson):
    """List words that begin in one line and end in the next."""
    return look(lesson, "broken")


def raw_markdown(lesson):
    """List marks of markdown that are shown as they are, as inside a block of HTML."""
    return look(lesson, "raw", ".jp-RenderedMarkdown")


def faint_text(lesson):
    """List texts of ours whose contrast with what is behind them is under 4.5 to 1."""
    return look(lesson, "faint")
