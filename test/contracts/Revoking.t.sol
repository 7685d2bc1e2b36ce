// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {Token} from "./support/Tokens.sol";
import {Tree} from "./support/Tree.sol";
import {vm} from "./support/Vm.sol";

contract RevokingTest is DistributorTest {
    bytes32 private constant ROOT = keccak256("root");

    function revoke(uint256 epoch, IRewardsDistributor.EpochRecord memory last) private {
        vm.prank(GUARDIAN);
        distributor.revokeFrom(epoch, last);
    }

    function refuse(uint256 epoch, IRewardsDistributor.EpochRecord memory last, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(GUARDIAN);
        distributor.revokeFrom(epoch, last);
    }

    function test_GivenAnyoneElse_WhenRevoking_ItReverts() external {
        postLeaves(ladder(1, ETH, 1));
        bytes32 role = distributor.GUARDIAN();
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, POSTER, role));
        vm.prank(POSTER);
        distributor.revokeFrom(1, emptyRecord());
    }

    function test_GivenAnUnknownEpoch_WhenRevoking_ItReverts() external {
        bytes4 selector = IRewardsDistributor.UnknownEpoch.selector;
        refuse(0, emptyRecord(), abi.encodeWithSelector(selector, 0, 0));
        refuse(1, emptyRecord(), abi.encodeWithSelector(selector, 1, 0));
        postLeaves(ladder(1, ETH, 1));
        refuse(0, emptyRecord(), abi.encodeWithSelector(selector, 0, 1));
        refuse(2, posted, abi.encodeWithSelector(selector, 2, 1));
    }

    function test_GivenAnActiveEpoch_WhenRevoking_ItRevertsFromItsFirstSecond() external {
        postLeaves(ladder(1, ETH, 1));
        uint256 end = START + DELAY;
        vm.warp(end);
        bytes4 selector = IRewardsDistributor.EpochActive.selector;
        refuse(1, emptyRecord(), abi.encodeWithSelector(selector, 1, end, end));
        vm.warp(end - 1);
        revoke(1, emptyRecord());
    }

    function test_GivenTheFirstEpoch_WhenRevoked_TheChainIsEmptyAgain() external {
        postLeaves(ladder(1, ETH, 1));
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.EpochsRevoked(1, 1, bytes32(0));
        revoke(1, emptyRecord());
        eq(distributor.latestEpoch(), 0);
        eq(distributor.head(), bytes32(0));
        eq(allocatedOf(ETH), 0);
        eq(distributor.assetList().length, 0);
        (bytes32 root, uint40 activatesAt, bytes27 id) = distributor.epochs(1);
        eq(root, bytes32(0));
        eq(activatesAt, 0);
        eq(bytes32(id), bytes32(0));
        eq(distributor.surplusOf(ETH), 100);
    }

    function test_GivenTheFirstEpoch_WhenRevokedWithInventedTotals_ItReverts() external {
        postLeaves(ladder(1, ETH, 1));
        IRewardsDistributor.EpochRecord memory invented = withTotal(emptyRecord(), ETH, 1_000_000);
        bytes27 given = bytes27(distributor.hashRecord(invented));
        refuse(1, invented, abi.encodeWithSelector(IRewardsDistributor.UnexpectedRecord.selector, given, bytes27(0)));
    }

    function test_GivenAnotherRecordThanTheOneBefore_WhenRevoking_ItReverts() external {
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory first = recordOf(ROOT, ETH, 50);
        post(first);
        bytes27 expected = bytes27(distributor.hashRecord(first));
        post(recordOf(ROOT, ETH, 60));
        bytes4 selector = IRewardsDistributor.UnexpectedRecord.selector;
        bytes27 given = bytes27(distributor.hashRecord(posted));
        refuse(2, posted, abi.encodeWithSelector(selector, given, expected));
        first.totals[0].cumulative = 55;
        given = bytes27(distributor.hashRecord(first));
        refuse(2, first, abi.encodeWithSelector(selector, given, expected));
        given = bytes27(distributor.hashRecord(emptyRecord()));
        refuse(2, emptyRecord(), abi.encodeWithSelector(selector, given, expected));
    }

    function test_GivenSeveralWaiting_WhenOneIsRevoked_AllAfterItGoAndTheOthersKeepTheirClocks() external {
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory second;
        for (uint256 i; i < 4; ++i) {
            vm.warp(START + i * 1 hours);
            post(recordOf(ROOT, ETH, 10 + i));
            if (i == 1) second = posted;
        }
        bytes32 head = distributor.hashRecord(second);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.EpochsRevoked(3, 4, head);
        revoke(3, second);
        eq(distributor.latestEpoch(), 2);
        eq(distributor.head(), head);
        eq(allocatedOf(ETH), 11);
        for (uint256 epoch = 1; epoch <= 4; ++epoch) {
            (, uint40 activatesAt,) = distributor.epochs(epoch);
            eq(activatesAt, epoch < 3 ? START + (epoch - 1) * 1 hours + DELAY : 0);
        }
    }

    function test_RepostingACorrectedEpoch() external {
        IRewardsDistributor.Leaf[] memory first = ladder(2, ETH, 1);
        postActive(first);
        IRewardsDistributor.EpochRecord memory before = posted;
        postLeaves(ladder(2, ETH, 7));
        revoke(2, before);
        IRewardsDistributor.Leaf[] memory corrected = ladder(2, ETH, 2);
        uint256 epoch = postLeaves(corrected);
        eq(epoch, 2);
        vm.warp(START + 3 * uint256(DELAY));
        claimAll(epoch, corrected);
        eq(account(1).balance, 400);
    }

    function test_ProofAgainstARevokedEpoch() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        postLeaves(leaves);
        revoke(1, emptyRecord());
        vm.warp(START + 2 * uint256(DELAY));
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.UnknownEpoch.selector, 1, 0));
        distributor.claim(1, leaves[0], proof);
        // Nor does the number's next owner take it.
        IRewardsDistributor.Leaf[] memory corrected = ladder(2, ETH, 3);
        postLeaves(corrected);
        vm.warp(START + 4 * uint256(DELAY));
        bytes32 computed = Tree.root(leaves);
        bytes4 selector = IRewardsDistributor.InvalidProof.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, computed, Tree.root(corrected)));
        distributor.claim(1, leaves[0], proof);
        yes(!distributor.verifyLeaf(1, leaves[0], proof));
    }

    function test_GivenAnAssetListedByARevokedEpoch_WhenPostingAgain_ItNeedNotBeListed() external {
        Token token = new Token();
        Token other = new Token();
        token.mint(address(distributor), 10);
        other.mint(address(distributor), 10);
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory first = recordOf(ROOT, ETH, 50);
        post(first);
        bool inOrder = address(token) < address(other);
        (address low, address high) = inOrder ? (address(token), address(other)) : (address(other), address(token));
        post(withTotal(withTotal(recordOf(ROOT, ETH, 60), low, 10), high, 10));
        eq(distributor.assetList().length, 3);
        revoke(2, first);
        eq(distributor.assetList().length, 1);
        eq(distributor.surplusOf(low), 10);
        (uint104 allocated,,, bool listed) = distributor.assets(high);
        yes(!listed && allocated == 0);
        post(recordOf(ROOT, ETH, 55));
        post(withTotal(recordOf(ROOT, ETH, 55), high, 3));
        eq(distributor.assetList().length, 2);
        eq(distributor.assetList()[1], high);
    }

    /// Epoch 1's tree holds 300 but its record declares 100; epoch 2 declares 300 and waits, so that epoch 1 pays it all.
    function test_GivenAWrongTreePaidBeyondTheRestoredTotal_WhenRevoked_WhatWasPaidStaysDeclared() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        vm.deal(address(distributor), 300);
        IRewardsDistributor.EpochRecord memory first = recordOf(Tree.root(leaves), ETH, 100);
        post(first);
        vm.warp(START + DELAY);
        post(recordOf(Tree.root(leaves), ETH, 300));
        claimAll(1, leaves);
        revoke(2, first);
        eq(allocatedOf(ETH), 300);
        eq(claimedOf(ETH), 300);
        eq(distributor.surplusOf(ETH), 0);
        IRewardsDistributor.EpochRecord memory low = recordOf(ROOT, ETH, 299);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.TotalTooLow.selector, ETH, 299, 300));
        vm.prank(POSTER);
        distributor.postEpoch(low, new bytes[](0));
        post(recordOf(ROOT, ETH, 300));
    }

    /// The same with an asset that only the revoked epoch declared: it leaves the list, and its books stay sound.
    function test_GivenAWrongTreeWithAnAssetOnlyTheRevokedEpochListed_WhenRevoked_TheBooksStaySound() external {
        Token token = new Token();
        token.mint(address(distributor), 40);
        vm.deal(address(distributor), 10);
        IRewardsDistributor.Leaf[] memory leaves = one(leaf(account(1), address(token), 40));
        IRewardsDistributor.EpochRecord memory first = recordOf(Tree.root(leaves), ETH, 10);
        post(first);
        vm.warp(START + DELAY);
        post(withTotal(recordOf(ROOT, ETH, 10), address(token), 40));
        claimAll(1, leaves);
        revoke(2, first);
        (uint104 allocated, uint104 claimed,, bool listed) = distributor.assets(address(token));
        yes(allocated == 40 && claimed == 40 && !listed);
        post(recordOf(ROOT, ETH, 10));
        bytes memory reason =
            abi.encodeWithSelector(IRewardsDistributor.TotalTooLow.selector, address(token), 39, 40);
        IRewardsDistributor.EpochRecord memory low = withTotal(recordOf(ROOT, ETH, 10), address(token), 39);
        vm.expectRevert(reason);
        vm.prank(POSTER);
        distributor.postEpoch(low, new bytes[](0));
        post(withTotal(recordOf(ROOT, ETH, 10), address(token), 40));
        eq(distributor.assetList().length, 2);
    }
}
